//! Partitioned archive tables beside the audit log, stamps and `check`.

use sea_orm_archive::archival;
use sea_orm_archive::check;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{AuditSchema, StampSchema};
use sea_orm_archive_tests::sql::{count, run, texts};
use sea_orm_migration::SchemaManager;

use super::library::{archived, expiring, lender, library, next_archival, shelf};

#[tokio::test]
async fn check_finds_nothing() {
    let (_database, db) = library().await;
    assert_eq!(check(&db).await.unwrap(), []);
    shelf::Entity::archive_many().exec(&db).await.unwrap();
    SchemaManager::new(&db).stamp_table("books").await.unwrap();
    run(&db, "select archive.make_archive_partitions(1)").await;
    assert_eq!(check(&db).await.unwrap(), []);
    run(&db, "alter table deleted_books_0 set unlogged").await;
    assert_eq!(check(&db).await.unwrap().len(), 1);
}

/// The log records archives, restores, and each deleted row of a purge, which deletes the rows then.
#[tokio::test]
async fn log_contains_every_move_and_every_purged_row() {
    let (_database, db) = expiring().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in ["shelves", "books", "lenders"] {
        manager.audit_table(table).await.unwrap();
    }
    let lent = lender::Entity::archive_by_id(1).exec(&db).await.unwrap();
    next_archival(&db, 100).await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    shelf::Entity::archive_by_id(2).exec(&db).await.unwrap();
    assert_eq!(lent.restore(&db).await.unwrap().waiting.len(), 1);
    shelf::Entity::restore_by_id(2).exec(&db).await.unwrap();
    let moves = "select concat_ws(' ', operation, count(*)) from archive.audit_entry group by operation order by 1";
    assert_eq!(texts(&db, moves).await, ["ARCHIVE 7", "RESTORE 4"]);
    let purged = archival::Entity::purge_expired()
        .by(3)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((purged.archivals, purged.rows["public.books"]), (1, 2));
    let deleted = "select concat(table_name, ' ', key->>'id', ' ', actor) from archive.audit_entry where operation = 'DELETE' order by 1";
    let deleted = texts(&db, deleted).await;
    assert_eq!(
        deleted,
        [
            "public.books 10 3",
            "public.books 11 3",
            "public.shelves 1 3"
        ]
    );
    assert_eq!(archived(&db).await, [""; 0]);
    assert_eq!(check(&db).await.unwrap(), []);
    assert_eq!(count(&db, "books").await, 16);
}
