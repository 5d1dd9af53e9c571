//! Adopting a table that marks deleted rows, beside a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_migration::{AdoptSchema, ArchiveSchema, SoftDeleted};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;
use tokio::task::JoinHandle;

use crate::databases::connect;
use crate::table::{self, time};
use crate::{Fallible, Size};

fn posts() -> [SoftDeleted; 1] {
    [SoftDeleted::new("posts").deleted_at("deleted_at")]
}

/// A writer that changes and adds rows, one after the other, until it is stopped.
struct Writer {
    stop: Arc<AtomicBool>,
    times: JoinHandle<Result<Vec<Duration>, DbErr>>,
}

impl Writer {
    async fn start(url: &str, rows: i64) -> Result<Self, DbErr> {
        let db = connect(url).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let times = tokio::spawn(async move {
            let mut times = Vec::new();
            let mut row = 0;
            while !stopped.load(Ordering::Relaxed) {
                row = (row + 7_919) % rows + 1;
                let start = Instant::now();
                db.execute_unprepared(&format!(
                    "UPDATE posts SET body = body || '.' WHERE id = {row}; INSERT INTO posts (slug, body) VALUES (gen_random_uuid(), 'new')"
                ))
                .await?;
                times.push(start.elapsed());
            }
            Ok(times)
        });
        Ok(Self { stop, times })
    }

    /// The times of its writes, the shortest first.
    async fn stop(self) -> Fallible<Vec<Duration>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.times.await??;
        times.sort();
        Ok(times)
    }
}

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let rows = size.roots;
    println!("## Adopting {rows} rows of which 30 % are marked, beside a writer: ms\n");
    let mut lines = Vec::new();
    for batched in [false, true] {
        let name = if batched {
            "adopt_batches"
        } else {
            "adopt_whole"
        };
        let admin = connect(&server.url("postgres")).await?;
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await?;
        let db = connect(&server.url(name)).await?;
        fill(&db, rows).await?;
        let manager = SchemaManager::new(&db);
        if batched {
            eprintln!("adopt: batches ...");
            manager.begin_adoption(posts()).await?;
            let writer = Writer::start(&server.url(name), rows).await?;
            let start = Instant::now();
            while manager.adopt_batch(posts(), 1_000).await?.adopted.rows() > 0 {}
            lines.push(line("batches of 1,000", start, writer.stop().await?));
        }
        eprintln!("adopt: under the lock ...");
        let writer = Writer::start(&server.url(name), rows).await?;
        let start = Instant::now();
        manager.adopt_soft_deleted(posts()).await?;
        let title = if batched { "the last pass" } else { "one call" };
        lines.push(line(title, start, writer.stop().await?));
    }
    table::print(
        &[
            "",
            "in all",
            "writer: median",
            "p99",
            "worst wait",
            "writes",
        ],
        &lines,
    );
    Ok(())
}

fn line(title: &str, start: Instant, times: Vec<Duration>) -> Vec<String> {
    let at = |part: usize| {
        times
            .get(times.len() * part / 100)
            .map(Duration::as_secs_f64)
    };
    vec![
        title.to_owned(),
        time(Some(start.elapsed().as_secs_f64())),
        time(at(50)),
        time(at(99)),
        time(times.last().map(Duration::as_secs_f64)),
        times.len().to_string(),
    ]
}

async fn fill(db: &DatabaseConnection, rows: i64) -> Fallible {
    SchemaManager::new(db).install_archive().await?;
    db.execute_unprepared(&format!(
        "CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text NOT NULL, body text NOT NULL, deleted_at timestamptz);
         INSERT INTO posts (slug, body, deleted_at)
         SELECT 'slug-' || i, repeat('text ', 40), CASE WHEN i % 10 < 3 THEN '2024-01-01Z'::timestamptz + i * interval '1 second' END
         FROM generate_series(1, {rows}) AS i;
         CREATE UNIQUE INDEX posts_slug_key ON posts (slug) WHERE deleted_at IS NULL;
         CREATE INDEX posts_deleted_at ON posts (deleted_at)"
    ))
    .await?;
    db.execute_unprepared("VACUUM ANALYZE posts").await?;
    Ok(())
}
