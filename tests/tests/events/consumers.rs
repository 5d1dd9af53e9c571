//! Consumers: how far each has read.

use blog::post;
use sea_orm::{EntityTrait, TransactionTrait};
use sea_orm_archive::error::{NotFoundError, RefusedError};
use sea_orm_archive::event::{self, Cursor};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{number, run};

use super::database;

#[tokio::test]
async fn events_are_read_again_until_they_are_acknowledged() {
    let (_database, db) = database().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    let first = search.next(2, &db).await.unwrap();
    assert_eq!(first.len(), 2);
    // The worker dies here.
    assert_eq!(search.next(2, &db).await.unwrap(), first);
    search.acknowledge(first[1].cursor(), &db).await.unwrap();
    let rest = search.next(2, &db).await.unwrap();
    assert_eq!(rest.len(), 1);
    search.acknowledge(rest[0].cursor(), &db).await.unwrap();
    assert_eq!(search.next(2, &db).await.unwrap(), []);
    // An acknowledgement that arrives late does not go back.
    search.acknowledge(first[0].cursor(), &db).await.unwrap();
    assert_eq!(search.next(2, &db).await.unwrap(), []);

    // Another consumer has read nothing.
    assert_eq!(
        event::Entity::consumer("mail")
            .next(9, &db)
            .await
            .unwrap()
            .len(),
        3
    );
    let consumers = event::consumer::Entity::find().all(&db).await.unwrap();
    let mut seen: Vec<_> = consumers
        .iter()
        .map(|c| (&c.name[..], c.position))
        .collect();
    seen.sort();
    assert_eq!(seen, [("mail", 0), ("search", rest[0].position)]);
    assert!(event::Entity::consumer("mail").remove(&db).await.unwrap());
    assert!(!event::Entity::consumer("mail").remove(&db).await.unwrap());
}

/// In the transaction of what the events cause, each has its effect once.
#[tokio::test]
async fn acknowledgement_is_rolled_back_with_the_effect() {
    let (_database, db) = database().await;
    run(&db, "create table search (post_id bigint)").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    for commits in [false, true, true] {
        let txn = db.begin().await.unwrap();
        for event in search.next(10, &txn).await.unwrap() {
            run(&txn, "insert into search values (1)").await;
            search.acknowledge(event.cursor(), &txn).await.unwrap();
        }
        match commits {
            true => txn.commit().await.unwrap(),
            false => txn.rollback().await.unwrap(),
        }
    }
    assert_eq!(number(&db, "select count(*) from search").await, 1);
}

#[tokio::test]
async fn second_worker_waits_and_reads_on_after_the_first() {
    let (database, db) = database().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let next = async |db: &sea_orm::DatabaseTransaction| {
        let search = event::Entity::consumer("search");
        let events = search.next(2, db).await?;
        if let Some(last) = events.last() {
            search.acknowledge(last.cursor(), db).await?;
        }
        Ok::<_, Error>(events)
    };
    // The consumer exists.
    assert_eq!(
        event::Entity::consumer("search")
            .next(0, &db)
            .await
            .unwrap(),
        []
    );
    let (first, second) = race! { database;
        first holds |txn| next(txn);
        second waits for first |db| async move {
            let txn = db.begin().await?;
            let events = event::Entity::consumer("search").next(2, &txn).await?;
            txn.commit().await?;
            Ok::<_, Error>(events)
        };
        first commits;
    };
    let second = second.unwrap();
    assert_eq!((first.len(), second.len()), (2, 1));
    assert!(first[1].position < second[0].position);
}

#[tokio::test]
async fn cursor_of_another_database_is_refused() {
    let (_database, db) = database().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let foreign: Cursor = "1000".parse().unwrap();
    let search = event::Entity::consumer("search");
    for refused in [
        event::Entity::after(foreign).all(&db).await.map(drop),
        event::Entity::after(Cursor::from(-1))
            .all(&db)
            .await
            .map(drop),
        search.acknowledge(foreign, &db).await,
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.http_status(), 422);
        assert!(
            matches!(error, Error::Refused(RefusedError::UnknownCursor { .. })),
            "{error}"
        );
    }
    // In a transaction of the caller the error is that of a savepoint.
    let txn = db.begin().await.unwrap();
    event::Entity::after(foreign).all(&txn).await.unwrap_err();
    search.acknowledge(foreign, &txn).await.unwrap_err();
    assert_eq!(
        event::Entity::after(Cursor::START)
            .all(&txn)
            .await
            .unwrap()
            .len(),
        1
    );
    txn.commit().await.unwrap();
}

#[tokio::test]
async fn index_that_begins_at_the_latest_event_misses_nothing() {
    let (_database, db) = database().await;
    assert_eq!(event::Entity::latest(&db).await.unwrap(), Cursor::START);
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    let latest = event::Entity::latest(&db).await.unwrap();
    search.acknowledge(latest, &db).await.unwrap();
    let later = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let next = search.next(10, &db).await.unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].archival_id, Some(later.id));
    assert!(next[0].cursor() > latest);
}

#[tokio::test]
async fn deleted_events_are_reported_to_a_cursor_before_them() {
    let (_database, db) = database().await;
    let many = post::Entity::archive_many().exec(&db).await.unwrap();
    let cursor = event::Entity::after(Cursor::START)
        .limit(1)
        .all(&db)
        .await
        .unwrap()[0]
        .cursor();
    run(&db, "delete from archive.event where position <= 2; update archive.event_horizon set position = 2").await;
    let error = event::Entity::after(cursor).all(&db).await.unwrap_err();
    assert_eq!(error.http_status(), 404);
    match error {
        Error::NotFound(NotFoundError::DeletedEvents { after, deleted, .. }) => {
            assert_eq!((after, deleted), (cursor, Cursor::from(2)));
        }
        error => panic!("{error}"),
    }
    // From the start, and after the last one that was deleted, nothing is missed that still exists.
    for cursor in [Cursor::START, Cursor::from(2)] {
        let left = event::Entity::after(cursor).all(&db).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].archival_id, Some(many[2].id));
    }
}
