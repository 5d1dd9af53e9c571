//! A hold that is placed while a purge or a restore runs.

use blog::post;
use sea_orm::{IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::number;
use sea_orm_migration::SchemaManager;

use super::{assert_held, database};

#[tokio::test]
async fn purge_waits_for_a_hold_on_the_archival() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (held, purged) = race! { database;
        first holds |txn| archival::Entity::hold_by_id(id, "case 17").exec(txn);
        second waits for first |db| archival::Entity::purge_by_id(id).exec(db);
        first commits;
    };
    assert_held(purged, &[id], held.id);
}

#[tokio::test]
async fn purge_waits_for_a_hold_on_a_row() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (held, purged) = race! { database;
        first holds |txn| post::Entity::hold_by_id(1, "case 17").exec(txn);
        second waits for first |db| post::Entity::purge_many().exec(db);
        first commits;
    };
    assert_held(purged, &[id], held.id);
}

#[tokio::test]
async fn expired_archival_is_not_purged_while_a_hold_on_a_row_is_placed() {
    let (database, db) = database().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    let (_, purged) = race! { database;
        first holds |txn| post::Entity::hold_by_id(1, "case 17").exec(txn);
        second waits for first |db| archival::Entity::purge_expired().exec(db);
        first commits;
    };
    assert_eq!(purged.unwrap().archivals, 0);
}

#[tokio::test]
async fn hold_waits_for_a_purge_and_finds_nothing() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (_, held) = race! { database;
        first holds |txn| archival::Entity::purge_by_id(id).exec(txn);
        second waits for first |db| archival::Entity::hold_by_id(id, "case 17").exec(db);
        first commits;
    };
    assert!(matches!(
        held.unwrap_err(),
        Error::NotFound(NotFoundError::Archival { .. })
    ));
}

#[tokio::test]
async fn hold_on_a_row_waits_for_its_purge_and_finds_nothing() {
    let (database, db) = database().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, held) = race! { database;
        first holds |txn| post::Entity::purge_many().exec(txn);
        second waits for first |db| post::Entity::hold_by_id(1, "case 17").exec(db);
        first commits;
    };
    assert!(matches!(
        held.unwrap_err(),
        Error::NotFound(NotFoundError::Row { .. })
    ));
    assert_eq!(number(&db, "select count(*) from archive.hold").await, 0);
}

#[tokio::test]
async fn restore_waits_for_a_hold_on_its_archival() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (held, restored) = race! { database;
        first holds |txn| archival::Entity::hold_by_id(id, "case 17").exec(txn);
        second waits for first |db| archival::Entity::restore_by_id(id).exec(db);
        first commits;
    };
    assert_held(restored, &[id], held.id);
}

#[tokio::test]
async fn hold_waits_for_a_restore_of_its_archival() {
    let (database, db) = database().await;
    let id = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (_, held) = race! { database;
        first holds |txn| archival::Entity::restore_by_id(id).exec(txn);
        second waits for first |db| archival::Entity::hold_by_id(id, "case 17").exec(db);
        first commits;
    };
    assert!(matches!(
        held.unwrap_err(),
        Error::NotFound(NotFoundError::Archival { .. })
    ));
}

/// The snapshot of the purge is older than the hold.
#[tokio::test]
async fn purge_above_read_committed_does_not_overlook_a_hold() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let (_database, db) = database().await;
        let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        number(&txn, "select count(*) from archive.hold").await;
        post::Entity::hold_by_id(1, "case 17")
            .exec(&db)
            .await
            .unwrap();
        let error = archival.purge(&txn).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        txn.rollback().await.unwrap();
        assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
    }
}
