//! Many roots, archived, restored and purged in batches.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::ArchiveEntity;
use throwaway_postgres::Postgres;

use crate::aims::verdict;
use crate::databases::{archived, connect, vacuum};
use crate::entity::post;
use crate::rival::median;
use crate::table::{self, ratio};
use crate::{Fallible, Size, memory};

/// The time for a row may grow by this much from the first batches to the last.
const FLAT: f64 = 1.3;

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let (roots, batch) = (size.roots, size.batch);
    let admin = connect(&server.url("postgres")).await?;
    admin.execute_unprepared("CREATE DATABASE batches").await?;
    let db = connect(&server.url("batches")).await?;
    archived(&db).await?;
    db.execute_unprepared(&format!(
        "INSERT INTO posts (title, slug, content, author_id) SELECT 'Post', 'post-' || n, repeat(md5(n::text), 3), 1 FROM generate_series(1, {roots}) AS n"
    ))
    .await?;
    vacuum(&db).await?;
    eprintln!("{roots} roots archived in batches of {batch} ...");
    let archive = archive(&db, batch).await?;
    vacuum(&db).await?;
    eprintln!("{roots} roots restored in batches of {batch} ...");
    let restore = restore(&db, batch).await?;
    // One call would be refused, since its answer is too large.
    self::archive(&db, batch).await?;
    vacuum(&db).await?;
    eprintln!("{roots} archivals purged in batches of {batch} ...");
    let purge = purge(&db, batch).await?;
    println!(
        "## {roots} posts in batches of {batch}: microseconds for a post, and the memory of the client\n"
    );
    let rows = [
        row("archive", &archive, batch),
        row("restore", &restore, batch),
        row("purge", &purge, batch),
    ];
    let titles = [
        "",
        "first tenth",
        "last tenth",
        "ratio",
        "seconds in all",
        "longest batch, ms",
        "grown by kB",
        "aim",
    ];
    table::print(&titles, &rows);
    db.close().await?;
    Ok(())
}

struct Batches {
    times: Vec<Duration>,
    memory: Option<u64>,
}

async fn archive(db: &DatabaseConnection, batch: u64) -> Fallible<Batches> {
    let mut batches = post::Entity::archive_many().by(1_i64).in_batches(batch);
    measure(async || Ok(batches.next(db).await?.is_some())).await
}

async fn restore(db: &DatabaseConnection, batch: u64) -> Fallible<Batches> {
    let mut batches = post::Entity::restore_many().by(1_i64).in_batches(batch);
    measure(async || Ok(batches.next(db).await?.is_some())).await
}

async fn purge(db: &DatabaseConnection, batch: u64) -> Fallible<Batches> {
    let mut batches = post::Entity::purge_many().by(1_i64).in_batches(batch);
    measure(async || Ok(batches.next(db).await?.is_some())).await
}

/// The times of all batches. The memory of the first one counts as that of every batch.
async fn measure(mut next: impl AsyncFnMut() -> Fallible<bool>) -> Fallible<Batches> {
    let start = Instant::now();
    next().await?;
    let mut times = vec![start.elapsed()];
    let before = memory::reset();
    loop {
        let start = Instant::now();
        if !next().await? {
            break;
        }
        times.push(start.elapsed());
    }
    let memory = before.and_then(memory::growth);
    Ok(Batches { times, memory })
}

fn row(name: &str, batches: &Batches, batch: u64) -> Vec<String> {
    let tenth = (batches.times.len() / 10).max(1);
    let of_one = |times: &[Duration]| median(times).map(|seconds| seconds * 1e6 / batch as f64);
    let first = of_one(&batches.times[..tenth]);
    let last = of_one(&batches.times[batches.times.len() - tenth..]);
    let growth = last.zip(first).map(|(last, first)| last / first);
    let grows = growth.is_some_and(|growth| growth > FLAT);
    let short: Vec<_> = grows.then(|| "grows".to_owned()).into_iter().collect();
    let all: Duration = batches.times.iter().sum();
    let longest = batches.times.iter().max().copied().unwrap_or_default();
    vec![
        name.to_owned(),
        ratio(first),
        ratio(last),
        ratio(growth),
        format!("{:.1}", all.as_secs_f64()),
        format!("{:.0}", longest.as_secs_f64() * 1e3),
        batches
            .memory
            .map_or_else(|| "-".to_owned(), |kb| kb.to_string()),
        verdict(&short),
    ]
}
