//! What runs beside a purge of versions: rows that refer to them, and changes of the history.

use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{number, refusal, run};

use super::version::{Column, Entity as Departments};
use super::{audit, database, label, left, purge};

/// Statements that insert a row which refers to version B.
fn references() -> [String; 2] {
    [audit(1, 60), label("B")]
}

/// Race: a row that is not committed yet refers to a version. The purge leaves the version out, and does not wait.
#[tokio::test]
async fn version_to_which_another_transaction_refers_is_left_out() {
    for reference in references() {
        for commits in [true, false] {
            let (database, db) = database().await;
            let txn = db.begin().await.unwrap();
            txn.execute_unprepared(&reference).await.unwrap();
            let other = database.connect().await;
            // The row of the audit locks its department, and that of the labels a version.
            purge(&other).await;
            assert!(left(&other).await.contains('B'));
            match commits {
                true => txn.commit().await.unwrap(),
                false => txn.rollback().await.unwrap(),
            }
            purge(&db).await;
            let names = if commits { "BCDF" } else { "CDF" };
            assert_eq!(left(&db).await, names, "{reference}");
        }
    }
}

/// Race: the version is deleted first. The row waits, and has no version; or is written, if the purge is rolled back.
#[tokio::test]
async fn row_that_refers_to_a_version_waits_for_its_purge() {
    for reference in references() {
        for commits in [true, false] {
            let (database, db) = database().await;
            let statement: &str = reference.clone().leak();
            let (purged, inserted) = race! { database;
                first holds |txn| archival::Entity::purge_expired().exec(txn);
                second waits for first |db| db.execute_unprepared(statement);
                first commits if commits;
            };
            assert_eq!(purged.versions, 3);
            match commits {
                true => assert_eq!(refusal(inserted).code, "23503"),
                false => assert_eq!(inserted.unwrap().rows_affected(), 1),
            }
            assert_eq!(left(&db).await.contains('B'), !commits);
        }
    }
}

/// Race: the row is committed after the purge has found the version, and before it locks the identity.
#[tokio::test]
async fn row_that_is_committed_before_the_locks_counts() {
    for reference in references() {
        let (database, db) = database().await;
        let statement: &str =
            format!("lock table departments in exclusive mode; {reference}").leak();
        let (_, purged) = race! { database;
            first holds |txn| txn.execute_unprepared(statement);
            second waits for first |db| archival::Entity::purge_expired().exec(db);
            first commits;
        };
        assert_eq!(purged.unwrap().versions, 2);
        assert_eq!(left(&db).await, "BCDF");
        let rows = "select (select count(*) from labels) + (select count(*) from user_audit)";
        assert_eq!(number(&db, rows).await, 1);
    }
}

/// Race: the version becomes the last one, or a later one, or is replaced, after the purge has found it, and before it locks it.
#[tokio::test]
async fn change_that_is_committed_before_the_locks_counts() {
    for (change, names) in [
        ("delete from department_history where name in ('C', 'D')", "BF"),
        (
            "delete from department_history where name = 'C'; update department_history set valid_from = now() where name = 'D';
             update department_history set valid_to = now() - interval '1 hour' where name = 'B'",
            "BDF",
        ),
        ("update department_history set name = 'X' where name = 'B'", "CDFX"),
    ] {
        let (database, db) = database().await;
        let statement: &str = format!("lock table departments in exclusive mode; {change}").leak();
        let (_, purged) = race! { database;
            first holds |txn| txn.execute_unprepared(statement);
            second waits for first |db| archival::Entity::purge_expired().in_batches(10).next(db);
            first commits;
        };
        assert_eq!(purged.unwrap().unwrap().versions, 2);
        assert_eq!(left(&db).await, names);
    }
}

/// Race: the correction has locked the identity. The purge leaves its versions out, and deletes the corrected one later.
#[tokio::test]
async fn versions_of_an_identity_that_is_changed_are_left_out() {
    let (database, db) = database().await;
    let time = days_ago(&db, 60).await;
    let txn = db.begin().await.unwrap();
    Departments::correct(1, time)
        .value(Column::Name, "X")
        .exec(&txn)
        .await
        .unwrap();
    let other = database.connect().await;
    assert_eq!(purge(&other).await.versions, 1);
    txn.commit().await.unwrap();
    assert_eq!(left(&db).await, "ACDFX");
    assert_eq!(purge(&db).await.versions, 2);
    assert_eq!(left(&db).await, "CDF");
}

/// Race: the version that a correction is about is deleted first. The correction waits, and finds no version.
#[tokio::test]
async fn correction_of_a_version_waits_for_its_purge() {
    let (database, db) = database().await;
    let time = days_ago(&db, 60).await;
    let (_, corrected) = race! { database;
        first holds |txn| archival::Entity::purge_expired().exec(txn);
        second waits for first |db| Departments::correct(1, time).value(Column::Name, "X").exec(db);
        first commits;
    };
    let error = corrected.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Version { .. })),
        "{error}"
    );
    assert_eq!(left(&db).await, "CDF");
}

/// Race: two workers. Each leaves out what the other has locked.
#[tokio::test]
async fn workers_skip_the_versions_of_each_other() {
    let (database, db) = database().await;
    let txn = db.begin().await.unwrap();
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    let first = batches.next(&txn).await.unwrap().unwrap();
    let other = database.connect().await;
    let second = purge(&other).await;
    txn.commit().await.unwrap();
    // The first has locked department 1.
    assert_eq!((first.versions, second.versions), (1, 1));
    assert_eq!(purge(&db).await.versions, 1);
    assert_eq!(left(&db).await, "CDF");
}

/// Race: the history is renamed and replaced while the purge waits for it. The purge does not touch the other table.
#[tokio::test]
async fn history_that_is_replaced_during_a_purge() {
    let (database, db) = database().await;
    let replace =
        "lock table departments in access exclusive mode; alter table departments rename to things;
         create table departments (id bigint primary key); insert into departments values (1), (2)";
    let (_, purged) = race! { database;
        first holds |txn| txn.execute_unprepared(replace);
        second waits for first |db| archival::Entity::purge_expired().exec(db);
        first commits;
    };
    assert!(purged.is_err());
    assert_eq!(left(&db).await, "ABCDEF");
    assert_eq!(purge(&db).await.versions, 3);
    run(&db, "drop table departments").await;
}

async fn days_ago(db: &impl ConnectionTrait, days: i64) -> sea_orm::prelude::DateTimeUtc {
    let time = format!("select now() - {days} * interval '24 hours'");
    sea_orm_archive_tests::sql::one(db, &time).await
}
