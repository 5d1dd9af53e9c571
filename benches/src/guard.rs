//! What a guard adds to a deletion: a post with comments below ON DELETE CASCADE, deleted and archived.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Guard, GuardSchema};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;

use crate::databases::{archived, connect, vacuum};
use crate::entity::post;
use crate::rival::median;
use crate::table;
use crate::{Fallible, Size};

/// The guard of each database.
const GUARDS: [(&str, Option<Guard>); 3] = [
    ("none", None),
    ("refuse", Some(Guard::refuse())),
    ("catch", Some(Guard::catch())),
];

/// The comments of a post, and how many posts are measured for each of the first kind.
const CASES: [(i64, usize); 3] = [(0, 1), (9, 1), (999, 10)];

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let admin = connect(&server.url("postgres")).await?;
    let mut databases = Vec::new();
    for (name, guard) in GUARDS {
        let database = format!("guard_{name}");
        let create = format!("CREATE DATABASE {database}");
        admin.execute_unprepared(&create).await?;
        let db = connect(&server.url(&database)).await?;
        archived(&db).await?;
        if let Some(guard) = guard {
            let manager = SchemaManager::new(&db);
            manager.guard_table("comments", guard).await?;
            manager.guard_table("posts", guard).await?;
        }
        databases.push(db);
    }
    println!("## A guard: one post with its comments, in milliseconds\n");
    let mut rows = Vec::new();
    for (case, (comments, part)) in (0..).zip(CASES) {
        let rounds = size.small_rounds / part + 5;
        let first = case * 1_000_000 + 1;
        for db in &databases {
            fill(db, first, 2 * rounds, comments).await?;
        }
        rows.push(measure(&databases, first, rounds, comments).await?);
    }
    table::print(
        &[
            "rows",
            "DELETE, none",
            "catch",
            "ratio",
            "archive, none",
            "refuse",
            "ratio",
            "catch",
            "ratio",
        ],
        &rows,
    );
    Ok(())
}

async fn fill(db: &DatabaseConnection, first: i64, posts: usize, comments: i64) -> Fallible {
    db.execute_unprepared(&format!(
        "INSERT INTO posts (id, title, slug, content, author_id)
         SELECT n, 'Post ' || n, 'post-' || n, repeat(md5(n::text), 8), 1 FROM generate_series({first}, {first} + {posts} - 1) AS n;
         INSERT INTO comments (post_id, author_id, content)
         SELECT n, c, repeat(md5(n || '.' || c), 3) FROM generate_series({first}, {first} + {posts} - 1) AS n, generate_series(1, {comments}) AS c"
    ))
    .await?;
    Ok(vacuum(db).await?)
}

/// In each round every database deletes a post, and archives another one. The first five rounds warm up the plans.
async fn measure(
    databases: &[DatabaseConnection],
    first: i64,
    rounds: usize,
    comments: i64,
) -> Fallible<Vec<String>> {
    let mut deleted = vec![Vec::new(); databases.len()];
    let mut archived = vec![Vec::new(); databases.len()];
    for (round, id) in (0..rounds).zip((first..).step_by(2)) {
        for turn in 0..databases.len() {
            let n = (turn + round) % databases.len();
            let db = &databases[n];
            if GUARDS[n].1 != Some(Guard::refuse()) {
                deleted[n].push(timed(delete(db, id)).await?);
            }
            archived[n].push(timed(archive(db, id + 1)).await?);
        }
    }
    let of = |samples: &[Duration]| median(samples.get(5..).unwrap_or(samples));
    let deleted: Vec<_> = deleted.iter().map(|samples| of(samples)).collect();
    let archived: Vec<_> = archived.iter().map(|samples| of(samples)).collect();
    let ratio = |times: &[Option<f64>], n: usize| {
        table::ratio(times[n].zip(times[0]).map(|(one, none)| one / none))
    };
    Ok(vec![
        (comments + 1).to_string(),
        table::time(deleted[0]),
        table::time(deleted[2]),
        ratio(&deleted, 2),
        table::time(archived[0]),
        table::time(archived[1]),
        ratio(&archived, 1),
        table::time(archived[2]),
        ratio(&archived, 2),
    ])
}

async fn timed(work: impl Future<Output = Fallible>) -> Fallible<Duration> {
    let start = Instant::now();
    work.await?;
    Ok(start.elapsed())
}

async fn delete(db: &DatabaseConnection, id: i64) -> Fallible {
    let delete = format!("DELETE FROM posts WHERE id = {id}");
    db.execute_unprepared(&delete).await?;
    Ok(())
}

async fn archive(db: &DatabaseConnection, id: i64) -> Fallible {
    post::Entity::archive_by_id(id).exec(db).await?;
    Ok(())
}
