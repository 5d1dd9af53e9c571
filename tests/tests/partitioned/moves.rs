//! Archives, restores and reads of partitioned archive tables.

use sea_orm::{ColumnTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{count, dumps, texts};

use super::library::{archived, book, lender, library, next_archival, shelf};

const ACTIVE: [&str; 4] = ["shelves", "lenders", "books", "pages"];

#[tokio::test]
async fn rows_are_in_the_partition_of_their_archival() {
    let (_database, db) = library().await;
    let before = dumps(&db, &ACTIVE).await;
    let one = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    next_archival(&db, 100).await;
    let two = shelf::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let (one, two) = (one.id, two.id);
    assert_eq!(
        archived(&db).await,
        [
            format!("deleted_books_0 10 {one}"),
            format!("deleted_books_0 11 {one}"),
            format!("deleted_books_100 20 {two}"),
            format!("deleted_books_100 21 {two}"),
            format!("deleted_pages 100 {one}"),
            format!("deleted_pages 200 {two}"),
            format!("deleted_shelves_0 1 {one}"),
            format!("deleted_shelves_100 2 {two}"),
        ]
    );
    let restore = || archival::Entity::restore_by_id(one);
    let preview = restore().preview(&db).await.unwrap();
    assert!(preview.conflicts.is_empty());
    restore().exec(&db).await.unwrap();
    shelf::Entity::restore_by_id(2).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ACTIVE).await, before);
}

#[tokio::test]
async fn many_archivals_are_archived_and_restored_across_partitions() {
    let (_database, db) = library().await;
    let before = dumps(&db, &ACTIVE).await;
    shelf::Entity::archive_many()
        .filter(shelf::Column::Id.lte(3))
        .exec(&db)
        .await
        .unwrap();
    next_archival(&db, 100).await;
    let archivals = shelf::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(archivals.len(), 6);
    assert_eq!(count(&db, "shelves").await, 0);
    assert_eq!(count(&db, "deleted_books_100").await, 12);
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
    next_archival(&db, 1000).await;
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        archived(&db).await[0],
        format!("deleted_books_default 10 {}", archival.id)
    );
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "books").await, 18);
}

/// A book has two parents. It moves to the partition of the archival that it waits for.
#[tokio::test]
async fn row_that_waits_moves_to_the_partition_of_the_other_archival() {
    let (_database, db) = library().await;
    let lent = lender::Entity::archive_by_id(1).exec(&db).await.unwrap();
    next_archival(&db, 200).await;
    let shelved = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let restored = lent.restore(&db).await.unwrap();
    assert_eq!(restored.waiting.len(), 2);
    assert_eq!(
        archived(&db).await[0],
        format!("deleted_books_200 10 {}", shelved.id)
    );
    let differ = "select id::text from archive.archival where counts_differ";
    assert_eq!(texts(&db, differ).await, [shelved.id.to_string()]);
    shelved.restore(&db).await.unwrap();
    assert_eq!(archived(&db).await, [""; 0]);
    assert_eq!(count(&db, "pages").await, 9);
}

#[tokio::test]
async fn part_of_an_archival_moves_to_its_own_partition() {
    let (_database, db) = library().await;
    let whole = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let differ = "select id::text from archive.archival where counts_differ";
    assert_eq!(texts(&db, differ).await, [""; 0]);
    next_archival(&db, 100).await;
    book::Entity::restore_by_id(10)
        .as_part()
        .set(book::Column::ShelfId, 2)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(texts(&db, differ).await, [whole.to_string()]);
    assert_eq!(
        archived(&db).await,
        [
            format!("deleted_books_0 11 {whole}"),
            format!("deleted_shelves_0 1 {whole}")
        ]
    );
    assert_eq!(count(&db, "books where id = 10 and shelf_id = 2").await, 1);
}

/// The locks of the restore are those of one partition of each table: the planner has pruned the others.
#[tokio::test]
async fn restore_of_an_archival_reads_its_partition_alone() {
    let (database, db) = library().await;
    let mut archivals = Vec::new();
    for (n, first) in [1, 100, 200].into_iter().enumerate() {
        next_archival(&db, first).await;
        for id in [2 * n + 1, 2 * n + 2] {
            let archive = shelf::Entity::archive_by_id(i64::try_from(id).unwrap());
            archivals.push(archive.exec(&db).await.unwrap().id);
        }
    }
    let locked = "select relation::regclass::text from pg_locks where locktype = 'relation' and pid = pg_backend_pid()
                  and relation::regclass::text ~ '^deleted_(books|shelves|lenders)_[0-9]+$' and mode = 'RowExclusiveLock' order by 1";
    let session = database.session("restores").await;
    let restoring = session.db();
    let txn = restoring.begin().await.unwrap();
    archival::Entity::restore_by_id(archivals[2])
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(
        texts(&txn, locked).await,
        ["deleted_books_100", "deleted_shelves_100"]
    );
    txn.rollback().await.unwrap();
    let txn = restoring.begin().await.unwrap();
    archival::Entity::restore_many()
        .filter(archival::Column::Id.is_in([archivals[4], archivals[5]]))
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(
        texts(&txn, locked).await,
        ["deleted_books_200", "deleted_shelves_200"]
    );
    txn.rollback().await.unwrap();
}
