//! What runs beside a purge of what has expired: restores, and changes of rules and of metadata. Nothing is purged early.

use blog::post;
use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{number, run};
use sea_orm_migration::SchemaManager;

use super::{age, archived, database};

/// Race: the restore waits for the purge, and then finds that the archival was purged.
#[tokio::test]
async fn restore_of_an_archival_that_expires_at_the_same_time() {
    let (database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (purged, restored) = race! { database;
        first holds |txn| archival::Entity::purge_expired().exec(txn);
        second waits for first |db| archival::Entity::restore_by_id(archival).exec(db);
        first commits;
    };
    assert_eq!(purged.archivals, 1);
    assert_eq!(restored.unwrap_err().kind(), ErrorKind::NotFound);
}

/// Race: the restore has locked the archival, so the purge leaves it out, and finds others.
#[tokio::test]
async fn archival_that_is_being_restored_is_left_out() {
    let (database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    for commits in [false, true] {
        let txn = db.begin().await.unwrap();
        archival::Entity::restore_by_id(archival)
            .exec(&txn)
            .await
            .unwrap();
        let other = database.connect().await;
        let mut batches = archival::Entity::purge_expired().in_batches(1);
        let mut purged = 0;
        while let Some(batch) = batches.next(&other).await.unwrap() {
            purged += batch.archivals;
        }
        assert_eq!(purged, u64::from(!commits));
        match commits {
            true => txn.commit().await.unwrap(),
            false => txn.rollback().await.unwrap(),
        }
    }
    let there = "select count(*) from posts where id = 1";
    assert_eq!(number(&db, there).await, 1);
}

/// Race: a rule becomes longer while a purge waits for it. The purge reads the new rule.
#[tokio::test]
async fn rule_that_changes_first_holds() {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(10)).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    age(&db, archival, 20).await;
    let (_, purged) = race! { database;
        first holds |txn| txn.execute_unprepared("update archive.retention set days = 30");
        second waits for first |db| archival::Entity::purge_expired().exec(db);
        first commits;
    };
    assert_eq!(purged.unwrap().archivals, 0);
    assert_eq!(archived(&db).await, ["1"]);
}

/// Race: the helper waits until the purge has ended, so nothing is purged by the old rule after it has returned.
#[tokio::test]
async fn rule_that_changes_second_waits() {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(10)).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    age(&db, archival, 20).await;
    let (_, changed) = race! { database;
        first holds |txn| archival::Entity::purge_expired().exec(txn);
        second waits for first |db| SchemaManager::new(db).retain("posts", Retention::days(30));
        first rolls back;
    };
    changed.unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!((purged.archivals, archived(&db).await.len()), (0, 1));
}

/// Race: a record that another transaction has changed is locked, so it is left out.
#[tokio::test]
async fn metadata_that_changes_first_counts() {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(10)).await.unwrap();
    let invoices = Retention::days(100).metadata(serde_json::json!({"kind": "invoice"}));
    manager.retain("posts", invoices).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    age(&db, archival, 20).await;
    let invoice = "update archive.archival set metadata = '{\"kind\": \"invoice\"}'";
    let txn = db.begin().await.unwrap();
    txn.execute_unprepared(invoice).await.unwrap();
    let other = database.connect().await;
    let purged = archival::Entity::purge_expired()
        .exec(&other)
        .await
        .unwrap();
    assert_eq!(purged.archivals, 0);
    txn.commit().await.unwrap();
    let purged = archival::Entity::purge_expired()
        .exec(&other)
        .await
        .unwrap();
    assert_eq!((purged.archivals, archived(&db).await.len()), (0, 1));
}

/// Race: the record changes after the purge has found the archival, and before it is locked. A function of the test, which the query
/// that finds it calls, waits between both.
#[tokio::test]
async fn metadata_that_changes_after_the_archival_was_found_counts() {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(10)).await.unwrap();
    let invoices = Retention::days(100).metadata(serde_json::json!({"kind": "invoice"}));
    manager.retain("posts", invoices).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    age(&db, archival, 20).await;
    run(
        &db,
        "create or replace function archive.acts_for(tenant text) returns boolean language plpgsql stable as
         $$ begin perform pg_catalog.pg_advisory_xact_lock_shared(1); return true; end $$",
    )
    .await;
    let (_, purged) = race! { database;
        first holds |txn| txn.execute_unprepared("select pg_advisory_xact_lock(1); update archive.archival set metadata = '{\"kind\": \"invoice\"}'");
        second waits for first |db| archival::Entity::purge_expired().exec(db);
        first commits;
    };
    assert_eq!(purged.unwrap().archivals, 0);
    assert_eq!(archived(&db).await, ["1"]);
}
