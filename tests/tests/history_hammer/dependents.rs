//! Rows that need a version, written while versions end. At the end each of them must have a version at its time.

use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_archive_tests::sql::clock;
use sea_orm_archive_tests::{Database, sql};
use sea_orm_migration::SchemaManager;

use crate::history_hammer::department_history::{Column, Entity as Names};
use crate::history_hammer::{CONSTRAINTS, SCHEMA};

const DEPARTMENTS: i32 = 2;
const CALLS: i32 = 60;

/// A company with a history; `guarded` creates a temporal foreign key to it.
async fn company(key: &'static str, guarded: bool) -> Database {
    Database::from_template(key, async |db| {
        db.execute_unprepared(SCHEMA).await?;
        db.execute_unprepared(CONSTRAINTS).await?;
        db.execute_unprepared(
            "create table user_audit (id bigserial primary key,
                 department_id int not null references departments, changed_at timestamptz not null)",
        )
        .await?;
        let manager = SchemaManager::new(&db);
        sea_orm_archive_migration::ArchiveSchema::install_archive(&manager).await?;
        let history = HistoryTable::new("department_history").identity("department_id", "departments");
        manager.create_history_table(history).await?;
        if guarded {
            let key = TemporalForeignKey::new("user_audit", ["department_id"]).at("changed_at");
            manager
                .create_temporal_foreign_key(key.references("department_history"))
                .await?;
        }
        Ok(())
    })
    .await
}

#[derive(Debug, Default)]
struct Done {
    audits: AtomicUsize,
    refused_audits: AtomicUsize,
    ends: AtomicUsize,
    refused_ends: AtomicUsize,
}

fn count(of: &AtomicUsize) {
    of.fetch_add(1, Ordering::Relaxed);
}

/// Inserts rows with the current time, with plain SQL.
async fn audit(db: &DatabaseConnection, done: &Done) {
    for call in 0..CALLS {
        let sql = format!(
            "insert into user_audit (department_id, changed_at) values ({}, clock_timestamp())",
            call % DEPARTMENTS + 1
        );
        match db.execute_unprepared(&sql).await {
            Ok(_) => count(&done.audits),
            Err(error) => {
                assert!(error.to_string().contains("no version"), "{error}");
                count(&done.refused_audits);
            }
        }
    }
}

/// Ends each department at a time just before the call, starts it again and renames it.
async fn end(db: &DatabaseConnection, done: &Done) {
    for call in 0..CALLS {
        let id = call % DEPARTMENTS + 1;
        let now = clock(db).await;
        match Names::end(id).at(now).exec(db).await {
            Ok(_) => count(&done.ends),
            Err(Error::Conflict(ConflictError::DependentRows { .. })) => count(&done.refused_ends),
            Err(
                Error::NotFound(NotFoundError::Version { .. })
                | Error::Conflict(ConflictError::LaterVersion { .. }),
            ) => {}
            Err(error) => panic!("{error}"),
        }
        let name = format!("Name {call}");
        match Names::start(id).value(Column::Name, &name).exec(db).await {
            Ok(_) | Err(Error::Conflict(ConflictError::Overlap { .. })) => {}
            Err(error) => panic!("{error}"),
        }
        match Names::change(id)
            .value(Column::Name, name + "'")
            .exec(db)
            .await
        {
            Ok(_) | Err(Error::NotFound(NotFoundError::Version { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The number of rows without a version at their time.
async fn run(database: &Database) -> i64 {
    let db = database.connect().await;
    let done = Done::default();
    tokio::join!(
        audit(&db, &done),
        end(&db, &done),
        audit(&db, &done),
        end(&db, &done),
        audit(&db, &done)
    );
    let written = done.audits.load(Ordering::Relaxed);
    assert!(written > 30, "too few rows were written: {done:?}");
    let check = "select array[count(*), count(*) filter (where not exists (select from department_history h where h.department_id = a.department_id
             and h.valid_from <= a.changed_at and (h.valid_to > a.changed_at or h.valid_to is null)))]
         from user_audit a";
    let counts: Vec<i64> = sql::one(&db, check).await;
    assert_eq!(usize::try_from(counts[0]).unwrap(), written, "{done:?}");
    counts[1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporal_foreign_key_leaves_no_row_without_a_version() {
    let database = company("guarded company", true).await;
    assert_eq!(run(&database).await, 0);
}

/// The same load without the temporal foreign key: only a foreign key to the identity exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_lose_their_version_without_the_temporal_foreign_key() {
    let mut lost = 0;
    for _ in 0..10 {
        let database = company("unguarded company", false).await;
        lost = run(&database).await;
        if lost > 0 {
            break;
        }
    }
    assert!(lost > 0, "the load did not leave a row without a version");
}
