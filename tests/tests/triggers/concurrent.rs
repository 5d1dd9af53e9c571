//! Other sessions while a restore with triggers runs.

use std::time::Duration;

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{number, run};

use super::families::{parent, with_function};

/// An archived parent, and a trigger that waits for the lock 7 after the rows were inserted.
async fn archived() -> (Database, DatabaseConnection) {
    let body = "perform pg_advisory_xact_lock(7); return null;";
    let trigger = "trigger t after insert on parents for each statement";
    let (database, db) = with_function(body, &[trigger]).await;
    parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    (database, db)
}

/// Restores while another session runs `sql` between the insert and the comparison.
async fn restore_while(
    database: &Database,
    db: &DatabaseConnection,
    sql: &str,
) -> Result<(), Error> {
    let other = database.connect().await.begin().await.unwrap();
    run(&other, "select pg_advisory_xact_lock(7)").await;
    let restore = tokio::spawn({
        let db = db.clone();
        async move { parent::Entity::restore_by_id(1).exec(&db).await.map(|_| ()) }
    });
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())";
    for _ in 0..500 {
        if number(&other, waits).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(number(&other, waits).await > 0, "the restore does not wait");
    run(&other, sql).await;
    other.commit().await.unwrap();
    restore.await.unwrap()
}

/// The rows leave the archive tables in the first statement, so no other session changes them afterwards.
#[tokio::test]
async fn archived_row_cannot_change_while_its_restore_is_compared() {
    let (database, db) = archived().await;
    for sql in [
        "update deleted_parents set name = 'x'",
        "delete from deleted_children where id = 1",
    ] {
        let other = format!(
            "do $$ begin set local lock_timeout = '100ms'; {sql}; raise 'changed'; exception when lock_not_available then null; end $$"
        );
        restore_while(&database, &db, &other).await.unwrap();
        assert_eq!(number(&db, "select count(*) from children").await, 3);
        parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    }
}

/// Two restores of one archival: the second waits for the record, and finds nothing.
#[tokio::test]
async fn second_restore_finds_the_archival_restored() {
    let (_database, db) = archived().await;
    let (one, two) = tokio::join!(
        parent::Entity::restore_by_id(1).exec(&db),
        parent::Entity::restore_by_id(1).exec(&db)
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(
        number(&db, "select count(*) from parents where id = 1").await,
        1
    );
}
