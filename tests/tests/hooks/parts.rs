//! A part of an archival has the hooks of its root: no other entity restores it past them.

use sea_orm::DatabaseConnection;
use sea_orm_archive::archival;
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{count, number, run};
use sea_orm_migration::SchemaManager;

use super::entities::{folder, line, note};
use super::{database, logged};

fn skipped<T: std::fmt::Debug>(restored: Result<T, Error>) -> String {
    match restored {
        Err(Error::Refused(RefusedError::SkippedHooks { message })) => message,
        other => panic!("{other:?}"),
    }
}

/// Note 1 with its line, archived for a reason that its hook refuses or not; the note is active again for its line.
async fn archived(reason: &str) -> (Database, DatabaseConnection, Archival) {
    let (database, db) = database().await;
    let archived = note::Entity::archive_by_id(1).reason(reason).exec(&db);
    let archival = archived.await.unwrap();
    run(&db, "insert into notes values (1, null, 'another')").await;
    logged(&db).await;
    (database, db, archival)
}

#[tokio::test]
async fn part_is_restored_only_with_the_hooks_of_its_root() {
    let (_database, db, archival) = archived("tidied up").await;
    let part = || line::Entity::restore_by_id(1).as_part();
    let by_name = || {
        archival::Entity::restore_by_id(archival.id).as_part("lines", serde_json::json!({"id": 1}))
    };
    for message in [
        skipped(part().exec(&db).await),
        skipped(part().preview(&db).await),
        skipped(by_name().exec(&db).await),
        // The entity of another archival.
        skipped(
            line::Entity::restore_by_id(1)
                .as_part_of::<folder::Entity>()
                .exec(&db)
                .await,
        ),
    ] {
        assert!(
            message.contains("the entity of public.notes has hooks of a restore")
                && message.contains("as_part_of"),
            "{message}"
        );
    }
    assert_eq!(logged(&db).await, [""; 0]);
    assert_eq!(count(&db, "lines where id = 1").await, 0);

    let part = || line::Entity::restore_by_id(1).as_part_of::<note::Entity>();
    assert_eq!(part().preview(&db).await.unwrap().rows["public.lines"], 1);
    assert_eq!(logged(&db).await, [""; 0]);
    let restored = part().exec(&db).await.unwrap();
    assert_eq!(restored.archival.part_of, Some(archival.id));
    assert_eq!(logged(&db).await, ["before_restore 1", "after_restore 1"]);
    assert_eq!(count(&db, "lines where id = 1").await, 1);
}

#[tokio::test]
async fn hook_of_the_root_refuses_a_part() {
    let (_database, db, _) = archived("legal").await;
    let part = line::Entity::restore_by_id(1).as_part_of::<note::Entity>();
    let error = part.exec(&db).await.unwrap_err();
    assert!(matches!(error, Error::Hook(_)), "{error}");
    assert_eq!(count(&db, "lines where id = 1").await, 0);
}

/// The entity of the row has hooks too, which once let it restore the row past those of the root.
#[tokio::test]
async fn hooks_of_the_row_do_not_stand_in_for_those_of_the_root() {
    let (_database, db) = database().await;
    let archival = folder::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into folders values (1)").await;
    logged(&db).await;
    let part = || note::Entity::restore_by_id(1).as_part();
    skipped(part().exec(&db).await);
    skipped(part().preview(&db).await);
    assert_eq!(logged(&db).await, [""; 0]);
    let part = note::Entity::restore_by_id(1).as_part_of::<folder::Entity>();
    let restored = part.exec(&db).await.unwrap();
    assert_eq!(restored.archival.part_of, Some(archival.id));
    assert_eq!(
        logged(&db).await,
        ["before_restore 1", "after_restore 1", "after_restore 1"]
    );
}

/// What stayed because of a conflict is an archival of its own, with the hooks of the one that it was in. Its entity may have none.
#[tokio::test]
async fn row_that_stayed_is_restored_with_the_hooks_of_its_root() {
    let (_database, db) = database().await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into lines values (1, 2)").await;
    let restored = note::Entity::restore_by_id(1)
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.stayed.len(), 1);
    run(&db, "delete from lines where id = 1").await;
    logged(&db).await;
    let message = skipped(plain_line::Entity::restore_by_id(1).exec(&db).await);
    assert!(
        message.contains("public.notes") && message.contains("as_part_of"),
        "{message}"
    );
    let restore = plain_line::Entity::restore_by_id(1).as_part_of::<note::Entity>();
    restore.exec(&db).await.unwrap();
    assert_eq!(logged(&db).await, ["before_restore 1", "after_restore 1"]);
}

/// Such a row is purged as well with the hooks of its root alone, and not by what would skip them.
#[tokio::test]
async fn row_that_stayed_is_purged_with_the_hooks_of_its_root() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    for table in ["notes", "lines"] {
        manager.retain(table, Retention::days(0)).await.unwrap();
    }
    // The line of note 1 stays. That of note 3 is an archival of its own.
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into lines values (1, 2)").await;
    let restore = note::Entity::restore_by_id(1).skip_conflicting();
    let stayed = restore.exec(&db).await.unwrap();
    assert_eq!(stayed.stayed.len(), 1);
    plain_line::Entity::archive_by_id(3)
        .exec(&db)
        .await
        .unwrap();
    logged(&db).await;

    let left = "select archival_id from deleted_lines where id = 1";
    let left = number(&db, left).await;
    let by_id = archival::Entity::purge_by_id(left).exec(&db).await;
    let many = || plain_line::Entity::purge_many();
    for message in [
        skipped(many().exec(&db).await),
        skipped(many().preview(&db).await),
        skipped(by_id),
    ] {
        assert!(
            message.contains("the entity of public.notes has hooks of a purge")
                && message
                    .contains("purge_many().as_part_of::<E>() of the entity of public.lines, where E is that of the hooks"),
            "{message}"
        );
    }
    let expired = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        (expired.archivals, expired.not_allowed),
        (1, vec!["public.lines".to_owned()])
    );
    assert_eq!(
        many()
            .as_part_of::<folder::Entity>()
            .exec(&db)
            .await
            .unwrap()
            .archivals,
        0
    );
    assert_eq!(logged(&db).await, [""; 0]);

    let part = || many().as_part_of::<note::Entity>();
    assert_eq!(part().preview(&db).await.unwrap().rows["public.lines"], 1);
    assert_eq!(logged(&db).await, [""; 0]);
    assert_eq!(part().exec(&db).await.unwrap().archivals, 1);
    assert_eq!(logged(&db).await, ["before_purge 1", "after_purge 1"]);
    assert_eq!(count(&db, "deleted_lines").await, 0);
    let expired = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(expired.not_allowed, [""; 0]);
}

/// The table of the entity with the hooks is gone, so no call can run them until it is there again.
#[tokio::test]
async fn row_that_stayed_waits_where_the_table_of_its_root_was_dropped() {
    let (_database, db) = database().await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into lines values (1, 2)").await;
    let restore = note::Entity::restore_by_id(1).skip_conflicting();
    restore.exec(&db).await.unwrap();
    logged(&db).await;
    run(
        &db,
        "delete from lines where id = 1; drop table notes cascade",
    )
    .await;
    let left = number(&db, "select archival_id from deleted_lines").await;
    for message in [
        skipped(plain_line::Entity::purge_many().exec(&db).await),
        skipped(archival::Entity::purge_by_id(left).exec(&db).await),
        skipped(plain_line::Entity::restore_by_id(1).preview(&db).await),
    ] {
        assert!(
            message.contains(
                "of the entity of public.notes, which was dropped: create that table again, and call manager.archive_existing_table(..) for it"
            ),
            "{message}"
        );
    }
    run(
        &db,
        "create table notes (id bigint generated by default as identity primary key, folder_id bigint references folders, title text not null unique)",
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.archive_existing_table("notes").await.unwrap();
    let part = plain_line::Entity::purge_many().as_part_of::<note::Entity>();
    assert_eq!(part.exec(&db).await.unwrap().archivals, 1);
    assert_eq!(logged(&db).await, ["before_purge 1", "after_purge 1"]);
}

/// Those of the row run too, inside those of its root. What was archived by itself is left to a call without `as_part_of`.
#[tokio::test]
async fn row_with_hooks_of_its_own_that_stayed_is_purged_with_both() {
    let (_database, db) = database().await;
    folder::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into notes values (9, null, 'one')").await;
    let restore = folder::Entity::restore_by_id(1).skip_conflicting();
    assert!(!restore.exec(&db).await.unwrap().stayed.is_empty());
    note::Entity::archive_by_id(3).exec(&db).await.unwrap();
    logged(&db).await;
    let mut batches = note::Entity::purge_many()
        .as_part_of::<folder::Entity>()
        .in_batches(1);
    assert_eq!(batches.next(&db).await.unwrap().unwrap().archivals, 1);
    assert!(batches.next(&db).await.unwrap().is_none());
    assert_eq!(logged(&db).await, ["before_purge 1", "after_purge 1"]);
    note::Entity::purge_many().exec(&db).await.unwrap();
    assert_eq!(logged(&db).await, ["before_purge 3", "after_purge 3"]);
}

/// Lines by an entity without hooks.
mod plain_line {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "lines")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub note_id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
