//! An erasure of a person with rows in guarded tables.

use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, Guard, GuardSchema};
use sea_orm_archive_tests::sql::{dumps, texts};
use sea_orm_migration::SchemaManager;

use super::people::{people, person};

/// A guard lets no row be deleted for good, and an erasure that would do it leaves every row of that table.
#[tokio::test]
async fn rows_of_a_guarded_table_are_not_deleted() {
    for guard in [Guard::refuse(), Guard::catch()] {
        let database = people().await;
        let db = database.connect().await;
        let manager = SchemaManager::new(&db);
        manager.archive_existing_table("sessions").await.unwrap();
        manager.guard_table("sessions", guard).await.unwrap();
        let before = dumps(&db, &["sessions", "deleted_sessions"]).await;
        let refused = person::Entity::erase_by_id(1).exec(&db).await.unwrap_err();
        let Error::Refused(RefusedError::Guarded { table, .. }) = &refused else {
            panic!("{refused}");
        };
        assert!(table.ends_with("sessions"), "{refused}");
        assert_eq!(dumps(&db, &["sessions", "deleted_sessions"]).await, before);

        manager.drop_guard("sessions").await.unwrap();
        let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
        assert!(certificate.is_complete(), "{certificate}");
        assert_eq!(
            texts(&db, "select person_id::text from sessions").await,
            ["2"]
        );
    }
}

/// Other columns of guarded tables are erased as those of any table.
#[tokio::test]
async fn columns_of_guarded_tables_are_erased() {
    let database = people().await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    for table in ["attachments", "comments", "posts"] {
        manager.guard_table(table, Guard::catch()).await.unwrap();
    }
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(
        texts(
            &db,
            "select distinct content from comments where author_id = 1"
        )
        .await,
        ["[erased]"]
    );
}
