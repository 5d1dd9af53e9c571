//! Small archives and restores with an empty archive, and beside many archived rows.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use throwaway_postgres::Postgres;

use crate::aims::verdict;
use crate::databases::{WARM_UP, archived, connect, vacuum};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::target::Target;
use crate::{Fallible, Size, product};

/// The comments of each post.
const COMMENTS: i64 = 10;

/// At most so many times the time on an empty archive: two runs differ by this much.
const FLAT: f64 = 1.1;

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let admin = connect(&server.url("postgres")).await?;
    admin.execute_unprepared("CREATE DATABASE flat").await?;
    let db = connect(&server.url("flat")).await?;
    archived(&db).await?;
    let rounds = size.small_rounds;
    let last = 2 * (rounds + 2 * WARM_UP) as i64;
    db.execute_unprepared(&format!(
        "INSERT INTO posts (title, slug, content, author_id) SELECT 'Post', 'post-' || n, 'content', 1 FROM generate_series(1, {last}) AS n;
         INSERT INTO comments (post_id, author_id, content) SELECT n, 1, 'content' FROM generate_series(1, {last}) AS n, generate_series(1, {COMMENTS})"
    ))
    .await?;
    eprintln!("beside an empty archive ...");
    let empty = measure(&db, 1, rounds).await?;
    eprintln!("beside {} archivals ...", size.archivals);
    fill(&db, size.archivals).await?;
    let beside = measure(&db, last / 2, rounds).await?;
    println!(
        "## One post with {COMMENTS} comments, beside {} archivals with {COMMENTS} rows each: median ms\n",
        size.archivals
    );
    let row = |name: &str, empty: Option<f64>, beside: Option<f64>| {
        let growth = beside.zip(empty).map(|(beside, empty)| beside / empty);
        let grows = growth.is_some_and(|growth| growth > FLAT);
        let short: Vec<_> = grows.then(|| format!("> {FLAT}")).into_iter().collect();
        vec![
            name.to_owned(),
            time(empty),
            time(beside),
            ratio(growth),
            verdict(&short),
        ]
    };
    let rows = [
        row("archive", median(&empty.0), median(&beside.0)),
        row("restore", median(&empty.1), median(&beside.1)),
    ];
    table::print(&["", "empty", "beside", "ratio", "aim"], &rows);
    db.close().await?;
    Ok(())
}

/// The times of archives and of restores.
async fn measure(
    db: &DatabaseConnection,
    first: i64,
    rounds: usize,
) -> Fallible<(Vec<Duration>, Vec<Duration>)> {
    // Some archived rows, so that the statistics are not those of empty tables.
    let last = first + (rounds + 2 * WARM_UP) as i64;
    for id in first..last {
        product::archive(db, Target::Post(id)).await?;
    }
    vacuum(db).await?;
    for id in first..last {
        product::restore(db, Target::Post(id)).await?;
    }
    vacuum(db).await?;
    let (mut archive, mut restore) = (Vec::new(), Vec::new());
    for (n, id) in (first..last).enumerate() {
        let start = Instant::now();
        product::archive(db, Target::Post(id)).await?;
        let archived = start.elapsed();
        let start = Instant::now();
        product::restore(db, Target::Post(id)).await?;
        if n >= 2 * WARM_UP {
            archive.push(archived);
            restore.push(start.elapsed());
        }
    }
    Ok((archive, restore))
}

async fn fill(db: &DatabaseConnection, archivals: i64) -> Fallible {
    db.execute_unprepared(&format!(
        "WITH made AS (
             INSERT INTO archive.archival (root_table, root_key, archived_at, archived_by, row_counts, tables)
             SELECT 'public.posts', jsonb_build_object('id', 1000000 + n), now(), '1', jsonb_build_object('public.posts', 1, 'public.comments', {COMMENTS}),
                    ARRAY['posts'::regclass, 'comments'::regclass]
             FROM generate_series(1, {archivals}) AS n RETURNING id, root_key
         ), roots AS (
             INSERT INTO deleted_posts (id, title, slug, content, author_id, created_at, deleted_at, deleted_by, archival_id)
             SELECT (root_key->>'id')::bigint, 'Post', 'archived-' || id, 'content', 1, now(), now(), 1, id FROM made RETURNING id, archival_id
         )
         INSERT INTO deleted_comments (id, post_id, author_id, content, created_at, deleted_at, deleted_by, archival_id)
         SELECT nextval('comments_id_seq'), r.id, 1, 'content', now(), now(), 1, r.archival_id FROM roots AS r, generate_series(1, {COMMENTS})"
    ))
    .await?;
    Ok(vacuum(db).await?)
}
