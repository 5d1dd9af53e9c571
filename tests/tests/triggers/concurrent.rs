//! Other sessions that change archived rows while a restore with triggers runs. Between its statements the restored rows are in
//! both tables, and the archived ones are not locked.

use std::time::Duration;

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{number, run, texts};

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

#[tokio::test]
async fn restored_row_has_the_archived_values_of_the_end() {
    let (database, db) = archived().await;
    restore_while(
        &database,
        &db,
        "update deleted_parents set name = 'changed' where id = 1",
    )
    .await
    .unwrap();
    assert_eq!(
        texts(&db, "select name from parents where id = 1").await,
        ["changed"]
    );
    assert_eq!(number(&db, "select count(*) from deleted_parents").await, 0);
}

/// The restore is tried again, and finds what is there then.
#[tokio::test]
async fn row_deleted_from_the_archive_meanwhile_is_not_restored() {
    let (database, db) = archived().await;
    let restored = restore_while(&database, &db, "delete from deleted_children where id = 1").await;
    restored.unwrap();
    assert_eq!(
        texts(&db, "select id::text from children order by 1").await,
        ["2", "3"]
    );
    assert_eq!(
        number(&db, "select count(*) from deleted_children").await,
        0
    );
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
