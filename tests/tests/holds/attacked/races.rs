//! Sessions that place and release holds at the same time.

use blog::post;
use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{number, run};
use sea_orm_migration::SchemaManager;

use crate::holds::database;

/// Race: two sessions release one hold, and one places another: the number in the record is exact.
#[tokio::test]
async fn number_of_holds_is_exact() {
    let (database, db) = database().await;
    // An archive with a stale plan is tried again, with another id.
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let place = format!("select archive.place_hold({archival}, null, null, 'x', null, null)");
    run(&db, &place).await;
    database
        .beside(
            "select archive.release_hold(1, 'a', null)",
            "select archive.release_hold(1, 'b', null)",
        )
        .await
        .unwrap();
    assert_eq!(
        number(&db, "select holds::bigint from archive.archival").await,
        0
    );
    database.beside(&place, &place).await.unwrap();
    assert_eq!(
        number(&db, "select holds::bigint from archive.archival").await,
        2
    );
}

/// Race: a table is dropped by the helper while a hold on a row of it is placed.
#[tokio::test]
async fn table_is_not_dropped_while_a_hold_is_placed() {
    let (database, db) = database().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let a = database.connect().await;
    let b = database.connect().await;
    let txn = a.begin().await.unwrap();
    blog::like::Entity::hold_by_id(1, "case")
        .exec(&txn)
        .await
        .unwrap();
    let dropped =
        tokio::spawn(async move { SchemaManager::new(&b).drop_archived_table("likes").await });
    database.until_waiting(&dropped).await;
    txn.commit().await.unwrap();
    let dropped = dropped.await.unwrap();
    assert!(dropped.is_err(), "{dropped:?}");
    assert_eq!(number(&db, "select count(*) from deleted_likes").await, 1);
}
