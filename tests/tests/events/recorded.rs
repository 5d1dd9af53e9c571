//! What an event contains, and which verbs write one.

use blog::{comment, post};
use sea_orm::{EntityTrait, TransactionTrait};
use sea_orm_archive::event::Kind;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival, hold};
use sea_orm_archive_migration::{ArchiveSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::run;
use sea_orm_migration::SchemaManager;
use serde_json::json;

use super::{all, database, kinds};

#[tokio::test]
async fn event_names_the_root_the_rows_the_actor_and_the_time() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1)
        .by(7)
        .reason("spam")
        .exec(&db)
        .await
        .unwrap();
    let event = all(&db).await.remove(0);
    assert_eq!(event.kind, Kind::Archived);
    assert_eq!(event.at, archival.archived_at);
    assert_eq!(
        (event.actor.as_deref(), event.reason.as_deref()),
        (Some("7"), Some("spam"))
    );
    assert_eq!(
        (event.archival_id, event.part_of, event.hold_id),
        (Some(archival.id), None, None)
    );
    assert_eq!(event.root_table.as_deref(), Some("public.posts"));
    assert_eq!(event.root_key, Some(json!({"id": 1})));
    assert_eq!(event.rows(), archival.rows());
    assert_eq!(event.tenant, None);
    let stored = serde_json::to_value(&event).unwrap();
    assert_eq!(stored["kind"], "archived");
    assert_eq!(
        serde_json::from_value::<sea_orm_archive::event::Model>(stored).unwrap(),
        event
    );

    let restored = archival::Entity::restore_by_id(archival.id)
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    let event = all(&db).await.remove(1);
    assert_eq!(
        (event.kind, Some(event.at)),
        (Kind::Restored, restored.archival.restored_at)
    );
    assert_eq!(event.actor.as_deref(), Some("8"));
}

#[tokio::test]
async fn every_verb_writes_its_events() {
    let (_database, db) = database().await;
    let many = post::Entity::archive_many().exec(&db).await.unwrap();
    let [a, b, c] = [many[0].id, many[1].id, many[2].id];
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(
        kinds(&db).await[3..],
        [
            (Kind::Restored, Some(a)),
            (Kind::Restored, Some(b)),
            (Kind::Restored, Some(c))
        ]
    );

    let d = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let on_row = post::Entity::hold_by_id(2, "case 17")
        .by(5)
        .exec(&db)
        .await
        .unwrap();
    let on_archival = archival::Entity::hold_by_id(d.id, "case 18")
        .exec(&db)
        .await
        .unwrap();
    hold::Entity::release_by_id(on_row.id, "closed")
        .exec(&db)
        .await
        .unwrap();
    hold::Entity::release_by_id(on_archival.id, "closed")
        .exec(&db)
        .await
        .unwrap();
    archival::Entity::purge_by_id(d.id)
        .by(9)
        .policy("gdpr")
        .exec(&db)
        .await
        .unwrap();
    let events = all(&db).await;
    let seen: Vec<_> = events[6..]
        .iter()
        .map(|e| (e.kind, e.archival_id, e.hold_id))
        .collect();
    assert_eq!(
        seen,
        [
            (Kind::Archived, Some(d.id), None),
            (Kind::Held, None, Some(on_row.id)),
            (Kind::Held, Some(d.id), Some(on_archival.id)),
            (Kind::Released, None, Some(on_row.id)),
            (Kind::Released, Some(d.id), Some(on_archival.id)),
            (Kind::Purged, Some(d.id), None),
        ]
    );
    let held = &events[7];
    assert_eq!(
        (held.actor.as_deref(), held.reason.as_deref()),
        (Some("5"), Some("case 17"))
    );
    assert_eq!(
        (held.root_table.as_deref(), held.root_key.clone()),
        (Some("public.posts"), Some(json!(["2"])))
    );
    let purged = events.last().unwrap();
    assert_eq!(
        (purged.actor.as_deref(), purged.reason.as_deref()),
        (Some("9"), Some("gdpr"))
    );
    assert_eq!(purged.rows()["public.posts"], 1);
}

#[tokio::test]
async fn purge_of_what_has_expired_writes_events() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(0)).await.unwrap();
    manager.retain_archivals(Retention::days(0)).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "call archive.purge_all_expired()").await;
    // The record was deleted, too.
    assert_eq!(archival::Entity::find().all(&db).await.unwrap(), []);
    assert_eq!(
        kinds(&db).await,
        [
            (Kind::Archived, Some(archival.id)),
            (Kind::Purged, Some(archival.id))
        ]
    );
}

#[tokio::test]
async fn previews_and_rehearsals_write_no_event() {
    let (_database, db) = database().await;
    post::Entity::archive_by_id(1).preview(&db).await.unwrap();
    post::Entity::archive_by_id(1).rehearse(&db).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::restore_by_id(1).preview(&db).await.unwrap();
    assert_eq!(kinds(&db).await, [(Kind::Archived, Some(archival.id))]);
}

/// A trigger of the application lets each archive prove its restore, which is rolled back.
#[tokio::test]
async fn archive_that_proves_its_restore_writes_one_event() {
    let (_database, db) = database().await;
    run(
        &db,
        "create function note() returns trigger language plpgsql as $$ begin return new; end $$;
         create trigger note before insert on posts for each row execute function note()",
    )
    .await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    assert_eq!(
        kinds(&db).await,
        [
            (Kind::Archived, Some(archival.id)),
            (Kind::Restored, Some(archival.id))
        ]
    );
}

/// The archival is marked as restored after the rows are back, and not before.
#[tokio::test]
async fn restore_under_row_level_security_writes_one_event() {
    let (_database, db) = database().await;
    run(&db, "alter table deleted_posts enable row level security").await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let txn = db.begin().await.unwrap();
    run(&txn, "set constraints all immediate").await;
    archival.restore(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(
        kinds(&db).await,
        [
            (Kind::Archived, Some(archival.id)),
            (Kind::Restored, Some(archival.id))
        ]
    );
}

#[tokio::test]
async fn part_of_an_archival_is_split_from_it_and_restored() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    for table in ["posts", "comments", "likes"] {
        manager.reset_id_sequence(table).await.unwrap();
    }
    let whole = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let copies = archival::Entity::restore_by_id(whole.id)
        .as_new()
        .exec(&db)
        .await
        .unwrap();
    let part = copies.archival.id;
    assert_ne!(part, whole.id);
    let events = all(&db).await;
    let seen: Vec<_> = events
        .iter()
        .map(|e| (e.kind, e.archival_id, e.part_of))
        .collect();
    assert_eq!(
        seen,
        [
            (Kind::Archived, Some(whole.id), None),
            (Kind::Split, Some(part), Some(whole.id)),
            (Kind::Restored, Some(part), Some(whole.id)),
        ]
    );
}

#[tokio::test]
async fn actor_of_the_context_is_that_of_the_event() {
    let (_database, db) = database().await;
    let txn = Context::new().actor("12").begin(&db).await.unwrap();
    comment::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(all(&db).await[0].actor.as_deref(), Some("12"));
}
