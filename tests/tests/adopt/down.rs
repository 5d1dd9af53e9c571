//! The `down` of an adoption.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::sql::{count, texts};
use sea_orm_migration::SchemaManager;

use super::helpdesk::{TABLES, helpdesk, marked, rows, ticket};

const INDEXES: &str = "select indexdef from pg_indexes where schemaname = 'public' order by 1";
const CONSTRAINTS: &str = "select format('%s %s', conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace order by 1";

#[tokio::test]
async fn down_marks_every_row_as_before() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &TABLES).await;
    let objects = (texts(&db, INDEXES).await, texts(&db, CONSTRAINTS).await);
    manager.adopt_soft_deleted(marked()).await.unwrap();
    assert_eq!(manager.restore_soft_deleted(TABLES).await.unwrap(), 14);
    assert_eq!(rows(&db, &TABLES).await, before);
    assert_eq!(
        (texts(&db, INDEXES).await, texts(&db, CONSTRAINTS).await),
        objects
    );
    assert_eq!(count(&db, "archive.archival").await, 0);
    assert_eq!(count(&db, "archive.archived_table").await, 0);
    assert_eq!(manager.restore_soft_deleted(TABLES).await.unwrap(), 0);
    manager.adopt_soft_deleted(marked()).await.unwrap();
}

#[tokio::test]
async fn down_also_marks_rows_that_were_archived_since() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    manager.adopt_soft_deleted(marked()).await.unwrap();
    let archival = ticket::Entity::archive_by_id(3)
        .by(8)
        .reason("since")
        .exec(&db)
        .await
        .unwrap();
    manager.restore_soft_deleted(TABLES).await.unwrap();
    assert_eq!(
        texts(&db, "select concat(deleted_by, ' ', delete_reason) from tickets where id = 3 and deleted_at is not null").await,
        ["8 since"]
    );
    assert_eq!(
        count(
            &db,
            &format!(
                "archive.archival where id = {} and restored_at is not null",
                archival.id
            )
        )
        .await,
        1
    );
}

/// The marking columns are gone, so a second call may take the tables for ones without marks, as that of the command does.
#[tokio::test]
async fn second_adoption_without_marks_does_not_forget_how_rows_were_marked() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &TABLES).await;
    manager.adopt_soft_deleted(marked()).await.unwrap();
    let again = manager.adopt_soft_deleted(TABLES.map(SoftDeleted::unmarked));
    assert_eq!(again.await.unwrap().rows(), 0);
    assert_eq!(manager.restore_soft_deleted(TABLES).await.unwrap(), 14);
    assert_eq!(rows(&db, &TABLES).await, before);
}
