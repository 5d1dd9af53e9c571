//! Archives, restores and reads of partitioned archive tables.

use sea_orm::{ColumnTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{count, dumps, run, texts};

use super::library::{archived, book, lender, library, partitions, shelf};

const ACTIVE: [&str; 4] = ["shelves", "lenders", "books", "pages"];

#[tokio::test]
async fn rows_are_in_the_partition_of_their_archival() {
    let (_database, db) = library().await;
    let before = dumps(&db, &ACTIVE).await;
    run(&db, "select setval('archive.archival_id_seq', 2)").await;
    for id in 1..=2 {
        shelf::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    assert_eq!(
        archived(&db).await,
        [
            "deleted_books_0 10 3",
            "deleted_books_0 11 3",
            "deleted_books_4 20 4",
            "deleted_books_4 21 4",
            "deleted_pages 100 3",
            "deleted_pages 200 4",
            "deleted_shelves_0 1 3",
            "deleted_shelves_4 2 4",
        ]
    );
    let preview = archival::Entity::restore_by_id(3).preview(&db).await.unwrap();
    assert!(preview.conflicts.is_empty());
    archival::Entity::restore_by_id(3).exec(&db).await.unwrap();
    shelf::Entity::restore_by_id(2).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ACTIVE).await, before);
}

#[tokio::test]
async fn many_archivals_are_archived_and_restored_across_partitions() {
    let (_database, db) = library().await;
    let before = dumps(&db, &ACTIVE).await;
    let archivals = shelf::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(archivals.len(), 9);
    assert_eq!(count(&db, "shelves").await, 0);
    assert_eq!(count(&db, "deleted_books_4").await, 8);
    let read = shelf::Entity::find_with_deleted().all(&db).await.unwrap();
    assert_eq!(read.len(), 9);
    let restored = shelf::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored.archivals.len(), 9);
    assert_eq!(dumps(&db, &ACTIVE).await, before);
    assert_eq!(archived(&db).await, [""; 0]);
}

/// The ids go on past the partitions that were created ahead.
#[tokio::test]
async fn archival_without_a_partition_is_in_the_default_partition() {
    let (_database, db) = library().await;
    run(&db, "select setval('archive.archival_id_seq', 1000)").await;
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(archived(&db).await[0], format!("deleted_books_default 10 {}", archival.id));
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "books").await, 18);
}

/// A book has two parents. It moves to the partition of the archival that it waits for.
#[tokio::test]
async fn row_that_waits_moves_to_the_partition_of_the_other_archival() {
    let (_database, db) = library().await;
    let lent = lender::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "select setval('archive.archival_id_seq', 10)").await;
    let shelved = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let restored = lent.restore(&db).await.unwrap();
    assert_eq!(restored.waiting.len(), 2);
    assert_eq!(archived(&db).await[0], "deleted_books_8 10 11");
    let differ = "select id::text from archive.archival where counts_differ";
    assert_eq!(texts(&db, differ).await, ["11"]);
    shelved.restore(&db).await.unwrap();
    assert_eq!(archived(&db).await, [""; 0]);
    assert_eq!(count(&db, "pages").await, 9);
}

#[tokio::test]
async fn part_of_an_archival_moves_to_its_own_partition() {
    let (_database, db) = library().await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "delete from deleted_shelves; insert into shelves values (1)").await;
    run(&db, "insert into deleted_shelves select 1, now(), null, 1").await;
    run(&db, "delete from shelves").await;
    let differ = "select id::text from archive.archival where counts_differ";
    assert_eq!(texts(&db, differ).await, [""; 0]);
    run(&db, "insert into shelves values (2)").await;
    book::Entity::restore_by_id(10)
        .as_part()
        .set(book::Column::ShelfId, 2)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(texts(&db, differ).await, ["1"]);
    assert_eq!(archived(&db).await, ["deleted_books_0 11 1", "deleted_shelves_0 1 1"]);
}

/// The plan of the statement that deletes the archived rows has one partition of each table.
#[tokio::test]
async fn restore_of_an_archival_reads_its_partition_alone() {
    let (database, db) = library().await;
    run(&db, "select setval('archive.archival_id_seq', 5)").await;
    shelf::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(partitions(&db).await.len(), 12);
    let locked = "select relation::regclass::text from pg_locks where locktype = 'relation' and relation::regclass::text ~ '^deleted_(books|shelves|lenders)_[0-9]+$' \
                  and mode = 'RowExclusiveLock' and pid = pg_backend_pid() order by 1";
    let session = database.session("restores").await;
    let restoring = session.db();
    let txn = restoring.begin().await.unwrap();
    archival::Entity::restore_by_id(6).exec(&txn).await.unwrap();
    assert_eq!(texts(&txn, locked).await, ["deleted_books_4", "deleted_shelves_4"]);
    txn.rollback().await.unwrap();
    let txn = restoring.begin().await.unwrap();
    archival::Entity::restore_many()
        .filter(archival::Column::Id.is_in([8, 9]))
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(texts(&txn, locked).await, ["deleted_books_8", "deleted_shelves_8"]);
    txn.rollback().await.unwrap();
}
