//! Rows that violate a constraint that is NOT VALID could be archived, but not inserted again.

use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run;

use super::families::{contents, families, parent};

#[tokio::test]
async fn rows_that_violate_an_unvalidated_constraint_are_not_archived() {
    for (constraint, broken, repair) in [
        (
            "add constraint positive check (v > 1) not valid",
            "positive",
            "update children set v = 2",
        ),
        (
            "add kept_id bigint default 7, add constraint to_kept foreign key (kept_id) references kept not valid",
            "to_kept",
            "update children set kept_id = null",
        ),
    ] {
        let (_database, db) = families("").await;
        use sea_orm_archive_migration::ArchiveSchema;
        let manager = sea_orm_migration::SchemaManager::new(&db);
        run(&db, &format!("alter table children {constraint}")).await;
        manager.sync_archived_table("children").await.unwrap();
        let before = contents(&db).await;
        for error in [
            parent::Entity::archive_by_id(1)
                .preview(&db)
                .await
                .unwrap_err(),
            parent::Entity::archive_by_id(1)
                .exec(&db)
                .await
                .unwrap_err(),
        ] {
            match error {
                Error::Conflict(ConflictError::NotRestorable {
                    constraint,
                    message,
                    ..
                }) => {
                    assert_eq!(constraint, broken);
                    assert!(message.contains("children"), "{message}");
                }
                error => panic!("{error}"),
            }
        }
        assert_eq!(contents(&db).await, before);
        run(&db, repair).await;
        let before = contents(&db).await;
        parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
        parent::Entity::restore_by_id(1).exec(&db).await.unwrap();
        assert_eq!(contents(&db).await, before);
    }
}
