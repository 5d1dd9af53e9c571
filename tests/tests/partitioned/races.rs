//! What runs beside a purge of a whole partition.

use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::count;
use sea_orm_migration::SchemaManager;

use super::library::{archived, expiring, lender, next_archival, shelf};

/// Race: the restore has locked its archival, so the partition is not emptied, and the other archivals are purged one by one.
#[tokio::test]
async fn archival_that_is_being_restored_is_left_out() {
    let (database, db) = expiring().await;
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    shelf::Entity::archive_by_id(2).exec(&db).await.unwrap();
    for commits in [false, true] {
        let txn = db.begin().await.unwrap();
        archival::Entity::restore_by_id(archival)
            .exec(&txn)
            .await
            .unwrap();
        let other = database.connect().await;
        let purged = archival::Entity::purge_expired()
            .exec(&other)
            .await
            .unwrap();
        assert_eq!(purged.archivals, u64::from(!commits));
        match commits {
            true => txn.commit().await.unwrap(),
            false => txn.rollback().await.unwrap(),
        }
        if !commits {
            assert_eq!(count(&db, "deleted_books").await, 2);
        }
    }
    assert_eq!(count(&db, "books where shelf_id = 1").await, 2);
}

/// Race: the restore waits for the purge, and finds that the archival was purged.
#[tokio::test]
async fn restore_waits_for_the_purge() {
    let (database, db) = expiring().await;
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let (purged, restored) = race! { database;
        purge holds |txn| archival::Entity::purge_expired().exec(txn);
        restore waits for purge |db| archival::Entity::restore_by_id(archival).exec(db);
        purge commits;
    };
    assert_eq!(purged.archivals, 1);
    assert_eq!(restored.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(archived(&db).await, [""; 0]);
}

/// Race: an archive has drawn an id of the range and added its rows. The purge waits for the lock of the partition, and finds the archival
/// then. Here it has expired as well: it was not locked, so nothing of the partition is emptied, and the next call purges it.
#[tokio::test]
async fn rows_of_an_archive_that_commits_while_the_purge_waits_stay() {
    let (database, db) = expiring().await;
    SchemaManager::new(&db)
        .retain(
            "shelves",
            Retention::forever().metadata(serde_json::json!({"hold": true})),
        )
        .await
        .unwrap();
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (archival, purged) = race! { database;
        archive holds |txn| shelf::Entity::archive_by_id(2).metadata(serde_json::json!({"hold": true})).exec(txn);
        purge waits for archive |db| archival::Entity::purge_expired().exec(db);
        archive commits;
    };
    assert_eq!(purged.unwrap().archivals, 1);
    assert_eq!(
        archived(&db).await,
        [
            format!("deleted_books_0 20 {}", archival.id),
            format!("deleted_books_0 21 {}", archival.id),
            format!("deleted_shelves_0 2 {}", archival.id),
        ]
    );
    archival.restore(&db).await.unwrap();
}

/// Race: the archive does not end, so the purge gives up after two seconds and deletes the rows of the others.
#[tokio::test]
async fn partition_that_an_archive_locks_is_not_waited_for_long() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, purged) = race! { database;
        archive holds |txn| shelf::Entity::archive_by_id(2).exec(txn);
        purge waits for archive |db| archival::Entity::purge_expired().exec(db);
    };
    assert_eq!(purged.unwrap().archivals, 1);
    assert_eq!(count(&db, "deleted_shelves where archival_id = 1").await, 0);
}

/// Race: a restore defers a row to an archival of the range. The purge leaves the archival out, or waits for its partition.
#[tokio::test]
async fn row_that_is_being_deferred_to_an_archival_stays() {
    let (database, db) = expiring().await;
    let lent = lender::Entity::archive_by_id(1).exec(&db).await.unwrap();
    next_archival(&db, 100).await;
    let shelved = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let txn = db.begin().await.unwrap();
    assert_eq!(lent.restore(&txn).await.unwrap().waiting.len(), 1);
    let other = database.connect().await;
    let purged = archival::Entity::purge_expired()
        .exec(&other)
        .await
        .unwrap();
    assert_eq!(purged.archivals, 0);
    txn.commit().await.unwrap();
    assert_eq!(
        archived(&db).await,
        [
            format!("deleted_books_100 10 {shelved}"),
            format!("deleted_books_100 11 {shelved}"),
            format!("deleted_shelves_100 1 {shelved}"),
        ]
    );
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.rows["public.books"], 2);
}

/// Race: an archive of the range waits for the purge. Its rows are added afterwards.
#[tokio::test]
async fn archive_waits_for_the_purge_of_its_partition() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        purge holds |txn| archival::Entity::purge_expired().exec(txn);
        archive waits for purge |db| shelf::Entity::archive_by_id(2).exec(db);
        purge commits;
    };
    let archival = done.unwrap();
    assert_eq!(count(&db, "deleted_books_0").await, 2);
    archival.restore(&db).await.unwrap();
}

/// Race: two purges share the archivals. The second leaves out what the first has locked.
#[tokio::test]
async fn second_purge_leaves_the_partition_to_the_first() {
    let (database, db) = expiring().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let txn = db.begin().await.unwrap();
    assert_eq!(
        archival::Entity::purge_expired()
            .exec(&txn)
            .await
            .unwrap()
            .archivals,
        1
    );
    let other = database.connect().await;
    assert_eq!(
        archival::Entity::purge_expired()
            .exec(&other)
            .await
            .unwrap()
            .archivals,
        0
    );
    txn.commit().await.unwrap();
    db.execute_unprepared("select archive.make_archive_partitions(0)")
        .await
        .unwrap();
}
