//! Enabling and disabling events, and what a check finds.

use blog::post;
use sea_orm::{DatabaseConnection, EntityTrait};
use sea_orm_archive::error::{NotFoundError, SetupError};
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, check};
use sea_orm_archive_migration::{ArchiveSchema, EventSchema};
use sea_orm_archive_tests::sql::{refused, run};
use sea_orm_migration::SchemaManager;

use super::{all, database, kinds};
use crate::races::blog::{OnDelete, blog};

#[tokio::test]
async fn events_that_are_not_enabled_are_reported() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    for refused in [
        event::Entity::after(Cursor::START).all(&db).await.map(drop),
        event::Entity::latest(&db).await.map(drop),
        search.next(1, &db).await.map(drop),
        search.acknowledge(Cursor::START, &db).await,
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::Setup(SetupError::EventsDisabled)),
            "{error}"
        );
        assert!(error.to_string().contains("enable_events"));
    }
}

#[tokio::test]
async fn events_can_be_enabled_twice_and_installed_again() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    manager.enable_events().await.unwrap();
    manager.install_archive().await.unwrap();
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(kinds(&db).await.len(), 2);
    assert_eq!(check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn consumer_from_before_a_gap_is_told_to_build_its_index_again() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    let last = search.next(10, &db).await.unwrap()[0].cursor();
    search.acknowledge(last, &db).await.unwrap();
    for _ in 0..2 {
        manager.disable_events().await.unwrap();
    }
    // Without an event.
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
    manager.enable_events().await.unwrap();
    for refused in [
        search.next(10, &db).await,
        event::Entity::after(last).all(&db).await,
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::NotFound(NotFoundError::DeletedEvents { .. })),
            "{error}"
        );
    }
    let latest = event::Entity::latest(&db).await.unwrap();
    search.acknowledge(latest, &db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(search.next(10, &db).await.unwrap().len(), 1);
}

#[tokio::test]
async fn check_finds_triggers_of_events_that_are_missing_or_disabled() {
    let (_database, db) = database().await;
    for (sql, problem) in [
        ("drop trigger event_archived on archive.archival", "has no trigger event_archived"),
        ("alter table archive.archival disable trigger event_restored", "event_restored disabled"),
        ("alter table archive.hold enable trigger event_held", "not always"),
        (
            "drop trigger event_purged on archive.archival;
             create constraint trigger event_purged after update of purged_at on archive.archival for each row execute function archive.write_event('purged')",
            "has another trigger event_purged",
        ),
    ] {
        run(&db, sql).await;
        let found = check(&db).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].problem.contains(problem), "{found:?}");
        SchemaManager::new(&db).enable_events().await.unwrap();
        assert_eq!(check(&db).await.unwrap(), []);
    }
    run(&db, "delete from archive.event_lock").await;
    assert_eq!(check(&db).await.unwrap().len(), 6);
    // Nothing is archived without its event.
    let (code, message) = archive_fails(&db).await;
    assert_eq!(code, "55000");
    assert!(message.contains("enable_events"), "{message}");
}

async fn archive_fails(db: &DatabaseConnection) -> (String, String) {
    let refused = refused(
        db,
        "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables) values ('t', '{}', now(), '{}', '{}')",
    )
    .await;
    assert_eq!(archival::Entity::find().all(db).await.unwrap(), []);
    (refused.code, refused.message)
}

#[tokio::test]
async fn archive_is_uninstalled_with_its_events() {
    let (_database, db) = database().await;
    run(&db, "drop table likes, deleted_likes, comments, deleted_comments, post_tags, deleted_post_tags, posts, deleted_posts, tags, deleted_tags cascade").await;
    let manager = SchemaManager::new(&db);
    manager.uninstall_archive().await.unwrap();
    manager.uninstall_archive().await.unwrap();
    manager.disable_events().await.unwrap();
    manager.install_archive().await.unwrap();
    manager.enable_events().await.unwrap();
    assert_eq!(all(&db).await, []);
}

/// Whoever copies the tables without the sequences.
#[tokio::test]
async fn reset_sequences_go_past_positions_that_were_read() {
    let (_database, db) = database().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    let latest = event::Entity::latest(&db).await.unwrap();
    search.acknowledge(latest, &db).await.unwrap();
    run(
        &db,
        "delete from archive.event; update archive.event_horizon set position = 2; alter sequence archive.event_position_seq restart",
    )
    .await;
    SchemaManager::new(&db)
        .reset_archive_sequences()
        .await
        .unwrap();
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(search.next(9, &db).await.unwrap().len(), 3);
}
