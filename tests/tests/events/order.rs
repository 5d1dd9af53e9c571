//! The order of the commits.

use blog::post;
use sea_orm::{IsolationLevel, TransactionTrait};
use sea_orm_archive::event::{self, Cursor, Kind};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run;

use super::{all, database, kinds};

#[tokio::test]
async fn transaction_that_wrote_first_and_commits_last_is_not_missed() {
    let (_database, db) = database().await;
    let late = db.begin().await.unwrap();
    let first = post::Entity::archive_by_id(1).exec(&late).await.unwrap();
    let second = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    assert!(first.id < second.id);

    let read = all(&db).await;
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].archival_id, Some(second.id));
    late.commit().await.unwrap();

    let after = event::Entity::after(read[0].cursor())
        .all(&db)
        .await
        .unwrap();
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].archival_id, Some(first.id));
}

#[tokio::test]
async fn commit_waits_for_a_commit_with_smaller_positions() {
    let (database, db) = database().await;
    let (first, second) = (
        database.session("first").await,
        database.session("second").await,
    );
    let (held, free) = (first.db(), second.db());
    let holding = held.begin().await.unwrap();
    let early = post::Entity::archive_by_id(1).exec(&holding).await.unwrap();
    // The position is drawn here, and not at the commit.
    run(&holding, "set constraints all immediate").await;
    let waiting = second.start(async move { post::Entity::archive_by_id(2).exec(&free).await });
    database.wait_until_blocked_by(&second, &first).await;
    assert_eq!(all(&db).await, []);
    // Written after the constraints became immediate.
    let third = post::Entity::archive_by_id(3).exec(&holding).await.unwrap();
    holding.commit().await.unwrap();
    let late = waiting.finish().await.unwrap();
    let archived = |id| (Kind::Archived, Some(id));
    assert_eq!(
        kinds(&db).await,
        [archived(early.id), archived(third.id), archived(late.id)]
    );
}

#[tokio::test]
async fn what_is_rolled_back_has_no_event() {
    let (_database, db) = database().await;
    let txn = db.begin().await.unwrap();
    let savepoint = txn.begin().await.unwrap();
    post::Entity::archive_by_id(1)
        .exec(&savepoint)
        .await
        .unwrap();
    savepoint.rollback().await.unwrap();
    let kept = post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    let savepoint = txn.begin().await.unwrap();
    run(&savepoint, "set constraints all immediate").await;
    kept.restore(&savepoint).await.unwrap();
    savepoint.rollback().await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(kinds(&db).await, [(Kind::Archived, Some(kept.id))]);

    let txn = db.begin().await.unwrap();
    kept.restore(&txn).await.unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(all(&db).await.len(), 1);
}

#[tokio::test]
async fn two_transactions_above_read_committed_write_events_at_once() {
    let (database, db) = database().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let (first, second) = (
            database.session("first").await,
            database.session("second").await,
        );
        let (first, second) = (first.db(), second.db());
        let one = first.begin_with_config(Some(level), None).await.unwrap();
        let two = second.begin_with_config(Some(level), None).await.unwrap();
        run(&one, "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables) values ('one', '{}', now(), '{}', '{}')").await;
        run(&two, "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables) values ('two', '{}', now(), '{}', '{}')").await;
        two.commit().await.unwrap();
        // Its snapshot is older than the commit of the other.
        one.commit().await.unwrap();
        let tables: Vec<_> = all(&db)
            .await
            .into_iter()
            .filter_map(|event| event.root_table)
            .collect();
        assert!(
            tables.ends_with(&["two".to_owned(), "one".to_owned()]),
            "{tables:?}"
        );
    }
}

/// A deferred trigger of the application, which archives at the commit.
#[tokio::test]
async fn archive_at_the_commit_has_an_event() {
    let (_database, db) = database().await;
    run(
        &db,
        "create function record_archival() returns trigger language plpgsql as $$ begin
             insert into archive.archival (root_table, root_key, archived_at, row_counts, tables) values ('late', '{}', now(), '{}', '{}');
             return null;
         end $$;
         create constraint trigger zz_late after insert on tags deferrable initially deferred for each row execute function record_archival()",
    )
    .await;
    let txn = db.begin().await.unwrap();
    run(&txn, "insert into tags (id, name) values (9, 'nine')").await;
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    let tables: Vec<_> = all(&db)
        .await
        .into_iter()
        .filter_map(|event| event.root_table)
        .collect();
    assert_eq!(tables, ["public.posts", "late"]);
}

#[tokio::test]
async fn cursor_continues_within_the_events_of_one_transaction() {
    let (_database, db) = database().await;
    let archived = post::Entity::archive_many().exec(&db).await.unwrap();
    let mut kinds = kinds(&db).await;
    kinds.sort_by_key(|(_, archival)| *archival);
    let expected: Vec<_> = archived
        .iter()
        .map(|archival| (Kind::Archived, Some(archival.id)))
        .collect();
    assert_eq!(kinds, expected);
    let limited = event::Entity::after(Cursor::START)
        .limit(2)
        .all(&db)
        .await
        .unwrap();
    let rest = event::Entity::after(limited[1].cursor())
        .all(&db)
        .await
        .unwrap();
    assert_eq!((limited.len(), rest.len()), (2, 1));
    let filtered = event::Entity::after(Cursor::START)
        .filter(sea_orm::ColumnTrait::eq(
            &event::Column::Kind,
            Kind::Restored,
        ))
        .all(&db)
        .await;
    assert_eq!(filtered.unwrap(), []);
}
