//! Constraints that would refuse a restore or a link that is cut: the preview and the archive report them.

use sea_orm_archive::Blocker;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run;

use super::families::{contents, families, parent};

/// A row that must have a link cannot lose it.
#[tokio::test]
async fn rows_that_a_constraint_refuses_without_their_link_block_the_archive() {
    for (ddl, name) in [
        (
            "alter table loose add constraint linked check (parent_id is not null)",
            "linked",
        ),
        (
            "create unique index one_link on loose (parent_id) nulls not distinct; insert into loose values (3)",
            "one_link",
        ),
    ] {
        let (_database, db) = families(ddl).await;
        let before = contents(&db).await;
        let expected = [Blocker {
            table: "public.loose".to_owned(),
            constraint: name.to_owned(),
            rows: 1,
        }];
        let preview = parent::Entity::archive_by_id(1).preview(&db).await.unwrap();
        assert_eq!(preview.blockers, expected);
        match parent::Entity::archive_by_id(1).exec(&db).await {
            Err(Error::Conflict(ConflictError::Blocked { table, blockers })) => {
                assert_eq!(
                    (table.as_str(), blockers.as_slice()),
                    ("public.parents", expected.as_slice())
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(contents(&db).await, before);
        run(&db, "delete from loose where id <> 2").await;
        parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
    }
}

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
