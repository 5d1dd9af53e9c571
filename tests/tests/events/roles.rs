//! Who may read events, and that nobody else writes or blocks them.

use blog::post;
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, EventSchema, HoldSchema};
use sea_orm_archive_tests::sql::{number, refused, run};
use sea_orm_migration::SchemaManager;

use super::{all, database};

#[tokio::test]
async fn only_a_role_with_the_grant_reads_and_acknowledges() {
    let (database, db) = database().await;
    let (web, search) = (database.role("web").await, database.role("search").await);
    run(
        &db,
        &format!("grant select, insert, update, delete on all tables in schema public to {web}"),
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.grant_archive(&web).await.unwrap();
    manager.grant_events(&search).await.unwrap();
    let (as_web, as_search) = (
        database.connect_as("web").await,
        database.connect_as("search").await,
    );
    // The role that archives writes the event, without a right on it.
    post::Entity::archive_by_id(1).exec(&as_web).await.unwrap();
    let consumer = event::Entity::consumer("search");
    let events = consumer.next(10, &as_search).await.unwrap();
    assert_eq!(events, all(&db).await);
    assert_eq!(
        event::Entity::after(Cursor::START)
            .all(&as_search)
            .await
            .unwrap(),
        events
    );
    consumer
        .acknowledge(events[0].cursor(), &as_search)
        .await
        .unwrap();
    assert_eq!(
        event::Entity::latest(&as_search).await.unwrap(),
        events[0].cursor()
    );

    for forbidden in [
        event::Entity::after(Cursor::START)
            .all(&as_web)
            .await
            .map(drop),
        event::Entity::latest(&as_web).await.map(drop),
        consumer.next(1, &as_web).await.map(drop),
        consumer.acknowledge(Cursor::START, &as_web).await,
        consumer.remove(&as_web).await.map(drop),
    ] {
        let error = forbidden.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
    for sql in [
        "insert into archive.event (kind, at) values ('archived', now())",
        "update archive.event set kind = 'purged'",
        "delete from archive.event",
        "truncate archive.event",
        "select nextval('archive.event_position_seq')",
        "select from archive.event_lock for update",
        "select from archive.event_lock for share",
        "lock table archive.event_lock in share mode",
        "lock table archive.event in share mode",
        "update archive.event_horizon set position = 9",
        "delete from archive.event_consumer",
        "insert into archive.event_consumer (name, tenant) values ('x', '')",
        "create temp table t (id int); create trigger t after insert on t for each row execute function archive.write_event('archived')",
    ] {
        refused(&as_web, sql).await;
        refused(&as_search, sql).await;
    }
    for call in [
        "require_events(0)",
        "latest_event()",
        "lock_consumer('search')",
        "acknowledge_events('search', 0)",
        "remove_consumer('search')",
    ] {
        refused(&as_web, &format!("select archive.{call}")).await;
    }
    // It archives nothing, and sees nothing else.
    refused(&as_search, "select * from archive.archival").await;
    post::Entity::archive_by_id(2)
        .exec(&as_search)
        .await
        .unwrap_err();
    assert!(consumer.remove(&as_search).await.unwrap());

    manager.grant_holds(&search).await.unwrap();
    manager.revoke_holds(&search).await.unwrap();
    manager.revoke_archive(&search).await.unwrap();
    consumer.next(10, &as_search).await.unwrap();
    manager.revoke_events(&search).await.unwrap();
    refused(&as_search, "select count(*) from archive.event").await;
    consumer.next(10, &as_search).await.unwrap_err();
    // The other way round.
    manager.grant_events(&web).await.unwrap();
    manager.revoke_events(&web).await.unwrap();
    post::Entity::archive_by_id(2).exec(&as_web).await.unwrap();
    manager.install_archive().await.unwrap();
    manager.grant_events(&search).await.unwrap();
    manager.install_archive().await.unwrap();
    assert_eq!(
        number(&as_search, "select count(*) from archive.event").await,
        2
    );
}
