//! What does not run the hooks of an archival does not move it.

use sea_orm::EntityTrait;
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, check};
use sea_orm_archive_migration::{ArchiveSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{count, refused, run};
use sea_orm_migration::SchemaManager;

use super::entities::{folder, note};
use super::{database, logged};

#[tokio::test]
async fn calls_by_the_id_of_an_archival_are_refused() {
    let (_database, db) = database().await;
    let archival = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    for (skipped, verb) in [
        (archival.restore(&db).await.map(drop), "restore_by_id"),
        (
            archival::Entity::restore_many().exec(&db).await.map(drop),
            "restore_by_id",
        ),
        (
            archival::Entity::restore_by_id(archival.id)
                .preview(&db)
                .await
                .map(drop),
            "restore_by_id",
        ),
        (archival.purge(&db).await.map(drop), "purge_many"),
        (
            archival::Entity::purge_many().exec(&db).await.map(drop),
            "purge_many",
        ),
    ] {
        let error = skipped.unwrap_err();
        assert!(
            matches!(error, Error::Refused(RefusedError::SkippedHooks { .. })),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("public.notes") && text.contains(verb),
            "{text}"
        );
    }
    refused(
        &db,
        &format!("select archive.purge_archivals('{{{}}}')", archival.id),
    )
    .await;
    assert_eq!(count(&db, "deleted_notes").await, 1);
    note::Entity::restore_by_id(1).exec(&db).await.unwrap();
}

/// They stay, and the purge says so.
#[tokio::test]
async fn expired_archivals_with_hooks_are_left_out() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    for table in ["notes", "folders"] {
        manager.retain(table, Retention::days(0)).await.unwrap();
    }
    note::Entity::archive_by_id(3).exec(&db).await.unwrap();
    // It has no hooks of a purge.
    folder::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        (purged.archivals, purged.not_allowed),
        (1, vec!["public.notes".to_owned()])
    );
    logged(&db).await;
    note::Entity::purge_many().exec(&db).await.unwrap();
    assert_eq!(logged(&db).await, ["before_purge 3", "after_purge 3"]);
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.not_allowed, [""; 0]);
}

#[tokio::test]
async fn partition_with_an_archival_with_hooks_is_not_emptied() {
    let (_database, db) = database().await;
    run(
        &db,
        "drop table lines, deleted_lines, notes, deleted_notes, folders, deleted_folders",
    )
    .await;
    run(
        &db,
        "create table notes (id bigint primary key, folder_id bigint, title text unique);
              create table lines (id bigint primary key, note_id bigint references notes);
              insert into notes values (1, null, 'one'), (2, null, 'two')",
    )
    .await;
    let manager = SchemaManager::new(&db);
    for table in ["notes", "lines"] {
        manager
            .archive_existing_table(
                sea_orm_archive_migration::ExistingTable::new(table).partitioned_by_archivals(10),
            )
            .await
            .unwrap();
    }
    manager.retain("notes", Retention::days(0)).await.unwrap();
    run(&db, "select archive.make_archive_partitions(2)").await;
    note::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "select setval('archive.archival_id_seq', 100)").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 0);
    assert_eq!(count(&db, "deleted_notes").await, 2);
    note::Entity::purge_many().exec(&db).await.unwrap();
}

#[tokio::test]
async fn parent_with_hooks_is_restored_by_its_entity_first() {
    let (_database, db) = database().await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    folder::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let error = note::Entity::restore_by_id(1)
        .with_parents()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("public.folders"), "{error}");
    folder::Entity::restore_by_id(1).exec(&db).await.unwrap();
    note::Entity::restore_by_id(1)
        .with_parents()
        .exec(&db)
        .await
        .unwrap();
}

/// The archival of the copies is another one.
#[tokio::test]
async fn copies_and_parts_of_an_archival_with_hooks_are_refused_by_its_id() {
    let (_database, db) = database().await;
    run(&db, "alter table notes drop constraint notes_title_key").await;
    let archival = note::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let copies = || archival::Entity::restore_by_id(archival.id).as_new();
    let error = copies().exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("hooks"), "{error}");
    assert_eq!(count(&db, "notes").await, 2);
    logged(&db).await;
    let restored = note::Entity::restore_by_id(3).as_new().exec(&db).await;
    assert_ne!(restored.unwrap().archival.id, archival.id);
    // Before it is about the archival, and after it about that of the copies.
    let logged = logged(&db).await;
    assert_eq!(&logged[0], "before_restore 3");
    assert!(logged[1].starts_with("after_restore 10"), "{logged:?}");
}

#[tokio::test]
async fn check_finds_a_missing_trigger() {
    let (_database, db) = database().await;
    assert_eq!(check(&db).await.unwrap(), []);
    run(&db, "drop trigger require_hooks on archive.archival").await;
    let found = check(&db).await.unwrap();
    assert!(found[0].problem.contains("require_hooks"), "{found:?}");
    SchemaManager::new(&db).install_archive().await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
}

/// Another role cannot keep what it may not move.
#[tokio::test]
async fn hooks_are_declared_by_a_role_that_archives() {
    let (database, db) = database().await;
    let role = database.role("web").await;
    let manager = SchemaManager::new(&db);
    manager.grant_archive(&role).await.unwrap();
    let web = database.connect_as("web").await;
    let archival = super::entities::line::Entity::archive_by_id(3)
        .exec(&db)
        .await
        .unwrap();
    let declare = format!(
        "select archive.declare_hooks('{{{}}}', '{{restore}}')",
        archival.id
    );
    refused(&web, &declare).await;
    run(
        &db,
        &format!("grant select, insert, update, delete on all tables in schema public to {role}"),
    )
    .await;
    run(
        &db,
        &format!("grant usage on all sequences in schema public to {role}"),
    )
    .await;
    note::Entity::archive_by_id(1).exec(&web).await.unwrap();
    note::Entity::restore_by_id(1).exec(&web).await.unwrap();
    assert!(
        note::deleted::Entity::find()
            .all(&web)
            .await
            .unwrap()
            .is_empty()
    );
}
