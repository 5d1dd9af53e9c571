//! Retention of events.

use blog::post;
use sea_orm_archive::archival;
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::sql::run;
use sea_orm_migration::SchemaManager;

use super::{age, all, database};

#[tokio::test]
async fn events_expire_when_they_are_old_and_every_consumer_has_read_them() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    post::Entity::archive_many().exec(&db).await.unwrap();
    age(&db).await;
    let purge = || archival::Entity::purge_expired();
    // Without a rule they stay.
    assert_eq!(purge().exec(&db).await.unwrap().events, 0);
    manager.retain_events(Retention::days(2)).await.unwrap();
    assert_eq!(purge().exec(&db).await.unwrap().events, 0);
    manager
        .retain_events(Retention::days(1).named("a day"))
        .await
        .unwrap();

    let (search, mail) = (
        event::Entity::consumer("search"),
        event::Entity::consumer("mail"),
    );
    let events = search.next(9, &db).await.unwrap();
    search.acknowledge(events[2].cursor(), &db).await.unwrap();
    mail.acknowledge(events[0].cursor(), &db).await.unwrap();
    let preview = purge().preview(&db).await.unwrap();
    assert_eq!(
        (
            &preview[0].policy[..],
            &preview[0].table[..],
            preview[0].expired
        ),
        ("a day", "archive.event", 1)
    );
    assert_eq!(purge().exec(&db).await.unwrap().events, 1);
    assert_eq!(mail.next(9, &db).await.unwrap(), events[1..]);
    // A consumer that was removed keeps nothing.
    mail.remove(&db).await.unwrap();
    run(&db, "call archive.purge_all_expired(1)").await;
    assert_eq!(all(&db).await, []);
    assert_eq!(
        event::Entity::latest(&db).await.unwrap(),
        events[2].cursor()
    );
    assert_eq!(search.next(9, &db).await.unwrap(), []);
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(search.next(9, &db).await.unwrap().len(), 1);
}

/// The time of an event is that of the change, so an old one can have a late position.
#[tokio::test]
async fn events_expire_in_the_order_of_their_positions() {
    let (_database, db) = database().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "update archive.event set at = at - interval '1 day' where position <> 2",
    )
    .await;
    SchemaManager::new(&db)
        .retain_events(Retention::days(1))
        .await
        .unwrap();
    assert_eq!(
        archival::Entity::purge_expired()
            .exec(&db)
            .await
            .unwrap()
            .events,
        1
    );
    let left: Vec<_> = all(&db).await.iter().map(|event| event.position).collect();
    assert_eq!(left, [2, 3]);
}

/// It has not read them, and no rule lets them go.
#[tokio::test]
async fn consumer_that_has_acknowledged_nothing_keeps_every_event() {
    let (_database, db) = database().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    search.next(0, &db).await.unwrap();
    SchemaManager::new(&db)
        .retain_events(Retention::days(0))
        .await
        .unwrap();
    assert_eq!(
        archival::Entity::purge_expired()
            .exec(&db)
            .await
            .unwrap()
            .events,
        0
    );
    assert_eq!(
        event::Entity::after(Cursor::START)
            .all(&db)
            .await
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn rule_for_some_events_is_refused() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    for rule in [
        Retention::days(1).tenant("1"),
        Retention::days(1).metadata(serde_json::json!({})),
    ] {
        let error = manager.retain_events(rule).await.unwrap_err().to_string();
        assert!(error.contains("leave `.tenant(..)`"), "{error}");
    }
    manager.retain_events(Retention::days(1)).await.unwrap();
    manager.drop_events_retention().await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    age(&db).await;
    assert_eq!(
        archival::Entity::purge_expired()
            .exec(&db)
            .await
            .unwrap()
            .events,
        0
    );
}
