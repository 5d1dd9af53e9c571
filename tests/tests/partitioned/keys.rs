//! A key is archived once, although the primary key of a partitioned archive table also contains the archival.

use sea_orm::{DatabaseTransaction, IsolationLevel, TransactionTrait};
use sea_orm_archive::Error;
use sea_orm_archive::error::{ConflictError, RefusedError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{count, dumps, refused, run};

use super::library::{archived, book, library, next_archival, shelf};

const ALL: [&str; 5] = [
    "shelves",
    "books",
    "deleted_shelves",
    "deleted_books",
    "archive.archival",
];

fn archivals_of_key(error: Error) -> (String, Vec<i64>) {
    match error {
        Error::Conflict(ConflictError::DuplicateKey {
            constraint,
            detail,
            archivals,
            ..
        }) => (format!("{constraint}: {detail}"), archivals),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn key_of_an_archived_row_is_not_archived_again() {
    let (_database, db) = library().await;
    let first = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    next_archival(&db, 100).await;
    run(&db, "insert into shelves values (1)").await;
    let before = dumps(&db, &ALL).await;
    let refused = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    let wanted = (
        "deleted_shelves_pkey: Key (id)=(1) already exists".to_owned(),
        vec![first],
    );
    assert_eq!(archivals_of_key(refused), wanted);
    let many = shelf::Entity::archive_many().exec(&db).await.unwrap_err();
    assert_eq!(archivals_of_key(many), wanted);
    assert_eq!(dumps(&db, &ALL).await, before);
    // A child, below another root.
    run(&db, "insert into books values (10, 2)").await;
    let refused = shelf::Entity::archive_by_id(2).exec(&db).await.unwrap_err();
    let (detail, archivals) = archivals_of_key(refused);
    assert_eq!(detail, "deleted_books_pkey: Key (id)=(10) already exists");
    assert_eq!(archivals, [first]);
    let preview = shelf::Entity::archive_by_id(2).preview(&db).await.unwrap();
    assert_eq!(preview.archived_keys[0].archivals, [first]);
    run(&db, "delete from books where id = 10").await;
    shelf::Entity::archive_by_id(2).exec(&db).await.unwrap();
}

/// Race: the second archive of a key waits until the first has ended, and finds the new row with the key.
#[tokio::test]
async fn key_that_is_archived_at_the_same_time_is_not_archived_again() {
    let (database, db) = library().await;
    let (first, _, refused) = race! { database;
        first holds |txn| shelf::Entity::archive_by_id(1).exec(txn);
        first goes on |txn| sea_orm::ConnectionTrait::execute_unprepared(txn, "insert into shelves values (1)");
        second waits for first |db| shelf::Entity::archive_by_id(1).exec(db);
        first commits;
    };
    // The second waits for the deleted row. Whether it finds the new one depends on its snapshots.
    match refused {
        Ok(archived) => panic!("archived twice: {archived:?}"),
        Err(Error::Conflict(ConflictError::DuplicateKey { archivals, .. })) => {
            assert_eq!(archivals, [first.id])
        }
        Err(Error::NotFound(_) | Error::Conflict(ConflictError::AlreadyArchived { .. })) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(count(&db, "deleted_shelves").await, 1);
    assert_eq!(count(&db, "shelves where id = 1").await, 1);
}

/// Race: a child gets the key of a row that was archived after the archive of its parent has begun.
#[tokio::test]
async fn child_that_gets_an_archived_key_at_the_same_time_is_not_archived() {
    let (database, db) = library().await;
    let (_, _, refused) = race! { database;
        first holds |txn| book::Entity::archive_by_id(10).exec(txn);
        first goes on |txn| sea_orm::ConnectionTrait::execute_unprepared(txn, "update books set id = 10 where id = 21");
        second waits for first |db| shelf::Entity::archive_by_id(2).exec(db);
        first commits;
    };
    let (detail, archivals) = archivals_of_key(refused.unwrap_err());
    assert_eq!(
        (detail.as_str(), archivals.len()),
        ("deleted_books_pkey: Key (id)=(10) already exists", 1)
    );
    assert_eq!(count(&db, "deleted_books").await, 1);
}

async fn begin(db: &sea_orm::DatabaseConnection, level: IsolationLevel) -> DatabaseTransaction {
    db.begin_with_config(Some(level), None).await.unwrap()
}

#[tokio::test]
async fn archive_above_read_committed_is_refused() {
    let (_database, db) = library().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let txn = begin(&db, level).await;
        match shelf::Entity::archive_by_id(1)
            .exec(&txn)
            .await
            .unwrap_err()
        {
            Error::Refused(RefusedError::IsolationLevel { message }) => {
                assert!(message.contains("READ COMMITTED"), "{message}");
            }
            error => panic!("{error}"),
        }
        txn.rollback().await.unwrap();
    }
    assert_eq!(count(&db, "shelves").await, 9);
}

/// A copy gets a new key; here the sequence is behind the archived rows.
#[tokio::test]
async fn copy_with_the_key_of_an_archived_row_is_refused() {
    let (_database, db) = library().await;
    run(&db, "create sequence shelf_id_seq start 3; alter table shelves alter id set default nextval('shelf_id_seq')").await;
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    next_archival(&db, 100).await;
    shelf::Entity::archive_by_id(3).exec(&db).await.unwrap();
    // The other tables have no sequence.
    run(
        &db,
        &format!(
            "delete from deleted_books where archival_id = {archival}; delete from deleted_pages where archival_id = {archival};
             update archive.archival set tables = tables[1:1] where id = {archival}"
        ),
    )
    .await;
    let refused = shelf::Entity::restore_by_id(1).as_new().exec(&db).await;
    match refused.unwrap_err() {
        Error::Refused(RefusedError::RestorePolicy { problem, .. }) => {
            assert!(problem.contains("Key (id)=(3)"), "{problem}")
        }
        error => panic!("{error}"),
    }
    assert_eq!(archived(&db).await.len(), 5);
    run(&db, "select setval('shelf_id_seq', 100)").await;
    shelf::Entity::restore_by_id(1)
        .as_new()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(count(&db, "shelves where id = 101").await, 1);
}

/// An archived row follows the key of its parent, unless the key is part of its own.
#[tokio::test]
async fn key_of_a_parent_that_is_part_of_an_archived_key_does_not_change() {
    let (_database, db) = super::library::empty().await;
    run(
        &db,
        "create table teams (id bigint primary key);
         create table players (team_id bigint references teams on update cascade, number bigint, other_id bigint references teams on update cascade,
                               primary key (team_id, number));
         insert into teams values (1), (2), (5); insert into players values (1, 7, 5)",
    )
    .await;
    sea_orm_archive_tests::tables::archive_table(
        &db,
        sea_orm_archive_migration::ExistingTable::new("players").partitioned_by_archivals(10),
    )
    .await;
    run(
        &db,
        "insert into deleted_players select *, now(), null, 3 from players; delete from players",
    )
    .await;
    run(&db, "update teams set id = 6 where id = 5").await;
    assert_eq!(count(&db, "deleted_players where other_id = 6").await, 1);
    let refused = refused(&db, "update teams set id = 4 where id = 1").await;
    assert!(
        refused.message.contains("is partitioned"),
        "{}",
        refused.message
    );
    run(&db, "update teams set id = 4 where id = 2").await;
}
