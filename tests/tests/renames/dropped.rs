//! Tables that were dropped after the archive.

use sea_orm_archive::error::DriftError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dump, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use crate::tables::family::{cascaded, detached, two_families, undeclared};

#[tokio::test]
async fn restore_reports_the_rows_of_a_child_table_that_was_dropped() {
    let (_database, db) =
        tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    let rows = dump(&db, "parents").await;
    let first = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let second = cascaded::parent::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    let manager = SchemaManager::new(&db);
    let dropped = manager.drop_archived_table("children").await.unwrap();
    assert_eq!((dropped.archived_rows, dropped.archivals), (4, 2));
    let restored = first.restore(&db).await.unwrap();
    assert_eq!(restored.rows, [("public.parents".to_owned(), 1)].into());
    assert_eq!(restored.missing, [("public.children".to_owned(), 2)].into());
    let restored = undeclared::parent::Entity::restore_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.archival.id, second.id);
    assert_eq!(restored.missing, [("public.children".to_owned(), 2)].into());
    assert_eq!(dump(&db, "parents").await, rows);
}

#[tokio::test]
async fn restore_passes_the_links_of_a_table_that_was_dropped() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let rows = dump(&db, "parents").await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "drop table children").await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!((restored.relinked, restored.missing.len()), (0, 0));
    assert_eq!(dump(&db, "parents").await, rows);
}

#[tokio::test]
async fn restore_reports_rows_that_were_deleted_from_the_archive_table() {
    let (_database, db) =
        tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "delete from deleted_children where id = 11").await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.missing, [("public.children".to_owned(), 1)].into());
}

#[tokio::test]
async fn restore_counts_a_renamed_table_under_its_new_name() {
    let (_database, db) =
        tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "alter table children rename to kids").await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.rows["public.kids"], 2);
    assert_eq!(restored.missing.len(), 0);
}

#[tokio::test]
async fn restore_reports_an_archival_record_that_was_deleted() {
    let (_database, db) =
        tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "delete from archive.archival").await;
    let restore = || cascaded::parent::Entity::restore_by_id(1);
    for error in [
        restore().exec(&db).await.unwrap_err(),
        restore().preview(&db).await.unwrap_err(),
    ] {
        match error {
            Error::Drift(DriftError::IncompleteArchival { message }) => {
                assert!(
                    message.contains(&format!("record {} does not exist", archival.id)),
                    "{message}"
                );
            }
            error => panic!("{error}"),
        }
    }
}
