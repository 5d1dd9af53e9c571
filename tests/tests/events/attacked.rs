//! Readers that would miss an event or read one twice.

use blog::post;
use sea_orm::{ConnectionTrait, IsolationLevel, TransactionTrait};
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::EventSchema;
use sea_orm_archive_tests::sql::{number, run};
use sea_orm_migration::SchemaManager;

use super::{all, database};

#[tokio::test]
async fn consumer_that_has_acknowledged_nothing_is_told_of_a_gap() {
    let (_database, db) = database().await;
    let search = event::Entity::consumer("search");
    assert_eq!(search.next(10, &db).await.unwrap(), []);
    let manager = SchemaManager::new(&db);
    manager.disable_events().await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    manager.enable_events().await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let missed = search.next(10, &db).await;
    assert!(
        matches!(
            missed,
            Err(Error::NotFound(NotFoundError::DeletedEvents { .. }))
        ),
        "{missed:?}"
    );
    let latest = event::Entity::latest(&db).await.unwrap();
    search.acknowledge(latest, &db).await.unwrap();
    assert_eq!(search.next(10, &db).await.unwrap(), []);
}

#[tokio::test]
async fn positions_that_a_savepoint_has_drawn_are_drawn_again_after_its_rollback() {
    let (_database, db) = database().await;
    let txn = db.begin().await.unwrap();
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    let savepoint = txn.begin().await.unwrap();
    post::Entity::archive_by_id(2)
        .exec(&savepoint)
        .await
        .unwrap();
    run(&savepoint, "set constraints all immediate").await;
    assert_eq!(
        number(&savepoint, "select count(*) from archive.event").await,
        2
    );
    savepoint.rollback().await.unwrap();
    // Another transaction with events does not wait for the one that has rolled back its lock.
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    txn.commit().await.unwrap();
    let events = all(&db).await;
    let keys: Vec<_> = events.iter().filter_map(|e| e.root_key.clone()).collect();
    assert_eq!(keys.len(), 2, "{events:?}");
    assert_eq!((&keys[0]["id"], &keys[1]["id"]), (&2.into(), &1.into()));
}

#[tokio::test]
async fn reader_with_one_snapshot_goes_on_where_it_has_stopped() {
    let (_database, db) = database().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let reader = db
        .begin_with_config(Some(IsolationLevel::Serializable), None)
        .await
        .unwrap();
    let name = "'; drop table \"posts\" -- \u{e9}\n";
    let search = event::Entity::consumer(name);
    let first = search.next(10, &reader).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    assert_eq!(search.next(10, &reader).await.unwrap(), first);
    search
        .acknowledge(first[0].cursor(), &reader)
        .await
        .unwrap();
    reader.commit().await.unwrap();
    let second = search.next(10, &db).await.unwrap();
    assert_eq!(second.len(), 1);
    assert!(second[0].cursor() > first[0].cursor() && first[0].cursor() > Cursor::START);
    // No name is too long for the database to refuse it as a name.
    let long = event::Entity::consumer("x".repeat(2_000));
    assert_eq!(long.next(10, &db).await.unwrap().len(), 2);
    db.execute_unprepared("select 1").await.unwrap();
}
