//! Archived rows that have expired, purged by partition and by DELETE.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::archival;
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable, Retention, RetentionSchema};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;

use crate::aims::verdict;
use crate::databases::{connect, vacuum};
use crate::rival::median;
use crate::table::{self, ratio, time};
use crate::{Fallible, Size};

/// At least this many times faster than by DELETE.
const FASTER: f64 = 100.0;

/// The archivals of the cases, each with its share of the rows.
const ARCHIVALS: [i64; 3] = [100, 1_000, 10_000];

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let mut rows = Vec::new();
    for archivals in ARCHIVALS {
        let tasks = size.roots / archivals;
        if tasks == 0 {
            continue;
        }
        eprintln!("{archivals} archivals with {tasks} rows purged by partition and by DELETE ...");
        let mut rivals = Vec::new();
        for partitioned in [true, false] {
            rivals.push(database(server, archivals, partitioned).await?);
        }
        let (mut times, mut by_delete, mut vacuums) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..size.purge_rounds {
            // The order changes from round to round.
            for place in 0..2 {
                let partitioned = (round + place) % 2 == 0;
                let db = &rivals[usize::from(!partitioned)];
                fill(db, archivals, tasks).await?;
                let taken = purge(db, archivals).await?;
                match partitioned {
                    true => times.push(taken),
                    false => {
                        by_delete.push(taken);
                        let start = Instant::now();
                        vacuum(db).await?;
                        vacuums.push(start.elapsed());
                    }
                }
            }
        }
        let (partition, delete, vacuum) = (median(&times), median(&by_delete), median(&vacuums));
        let faster = delete
            .zip(partition)
            .map(|(delete, partition)| delete / partition);
        let slow = faster.is_some_and(|faster| faster < FASTER);
        let short: Vec<_> = slow.then(|| format!("< {FASTER}")).into_iter().collect();
        rows.push(vec![
            format!("{archivals} archivals with {tasks} rows"),
            time(partition),
            time(delete),
            time(vacuum),
            ratio(faster),
            verdict(&short),
        ]);
        for db in rivals {
            db.close().await?;
        }
    }
    println!(
        "## {} archived rows that have expired: purged by partition and by DELETE, median ms\n",
        size.roots
    );
    let titles = [
        "",
        "partition",
        "DELETE",
        "VACUUM after it",
        "times faster than DELETE",
        "aim",
    ];
    table::print(&titles, &rows);
    Ok(())
}

/// A database with projects and tasks; the archivals of each round are those of a partition.
async fn database(
    server: &Postgres,
    archivals: i64,
    partitioned: bool,
) -> Fallible<DatabaseConnection> {
    let name = format!("purge_{archivals}_{partitioned}");
    let admin = connect(&server.url("postgres")).await?;
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await?;
    let db = connect(&server.url(&name)).await?;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await?;
    db.execute_unprepared(
        "CREATE TABLE projects (id bigint PRIMARY KEY, name text NOT NULL);
         CREATE TABLE tasks (id bigint PRIMARY KEY, project_id bigint NOT NULL REFERENCES projects ON DELETE CASCADE,
                             title text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())",
    )
    .await?;
    for table in ["projects", "tasks"] {
        let table = ExistingTable::new(table);
        let table = match partitioned {
            true => table.partitioned_by_archivals(u32::try_from(archivals)?),
            false => table,
        };
        manager.archive_existing_table(table).await?;
    }
    manager.retain("projects", Retention::days(30)).await?;
    Ok(db)
}

/// Adds archived projects that have expired, one of each archival of the next partition, each with its tasks.
async fn fill(db: &DatabaseConnection, archivals: i64, tasks: i64) -> Fallible {
    db.execute_unprepared(&format!(
        "SELECT setval('archive.archival_id_seq', (last_value / {archivals} + 1) * {archivals}) FROM archive.archival_id_seq;
         SELECT archive.make_archive_partitions(1);
         WITH made AS (
             INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, row_counts, tables)
             SELECT s.last_value + n, 'public.projects', jsonb_build_object('id', s.last_value + n), now() - interval '31 days', '1',
                    jsonb_build_object('public.projects', 1, 'public.tasks', {tasks}), ARRAY['projects'::regclass, 'tasks'::regclass]
             FROM archive.archival_id_seq AS s, generate_series(0, {archivals} - 1) AS n RETURNING id
         ), roots AS (
             INSERT INTO deleted_projects SELECT id, 'Project', now() - interval '31 days', 1, id FROM made RETURNING id
         )
         INSERT INTO deleted_tasks SELECT id * {tasks} + n, id, 'Task ' || n, now(), now() - interval '31 days', 1, id
         FROM roots, generate_series(0, {tasks} - 1) AS n;
         SELECT setval('archive.archival_id_seq', max(id)) FROM archive.archival"
    ))
    .await?;
    Ok(vacuum(db).await?)
}

/// The time until all archivals are purged.
async fn purge(db: &DatabaseConnection, archivals: i64) -> Fallible<Duration> {
    let start = Instant::now();
    let mut batches = archival::Entity::purge_expired()
        .by("cron")
        .in_batches(1_000);
    let mut purged = 0;
    while purged < archivals.unsigned_abs() {
        match batches.next(db).await? {
            Some(batch) => purged += batch.archivals,
            None => return Err("not everything has expired".into()),
        }
    }
    Ok(start.elapsed())
}
