//! Listeners wake up when events were committed.

use std::time::Duration;

use blog::post;
use sea_orm::TransactionTrait;
use sea_orm_archive::event::Listener;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{number, run};

use super::database;

/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn listener_wakes_up_after_a_commit() {
    let (_database, db) = database().await;
    let mut listener = Listener::connect(&db).await.unwrap();
    let txn = db.begin().await.unwrap();
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert!(!listener.wait(Duration::ZERO).await);
    txn.commit().await.unwrap();
    assert!(listener.wait(LONG).await);
    // One notification for all events of a transaction, and for all of those it has not waited for.
    post::Entity::archive_many().exec(&db).await.unwrap();
    assert!(listener.wait(LONG).await);
}

#[tokio::test]
async fn listener_returns_after_its_interval_and_after_its_connection_was_lost() {
    let (_database, db) = database().await;
    let mut listener = Listener::connect(&db).await.unwrap();
    assert!(!listener.wait(Duration::from_millis(10)).await);
    let lost = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query = 'LISTEN \"archive_events\"' and datname = current_database()";
    assert_eq!(number(&db, lost).await, 1);
    // It reports the loss, or has connected again: whichever it is, the caller reads again.
    listener.wait(Duration::from_millis(10)).await;
    listener.wait(Duration::from_millis(10)).await;
    run(&db, "select 1").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert!(listener.wait(LONG).await);
}
