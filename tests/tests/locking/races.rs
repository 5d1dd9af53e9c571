//! Races in fixed interleavings: the second session waits for the first, then checks the lock version.

use sea_orm::ActiveValue::Set;
use sea_orm::{AccessMode, IsolationLevel, TransactionTrait};
use sea_orm_archive::error::{ConflictError, RetryError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::{Database, Session};
use sea_orm_migration::SchemaManager;
use serde_json::json;

use crate::locking::notes::{column, contents, note, notes, open, read, run};

async fn sessions(notes: &Database) -> (Session, Session) {
    (notes.session("first").await, notes.session("second").await)
}

/// Race: two writers have read the same lock version. The first holds the row, and the second waits.
async fn second_waits(commits: bool) -> (Session, Result<note::Model, UpdateError<note::Model>>) {
    let notes = notes().await;
    let (first, second) = sessions(&notes).await;
    let (mut one, mut two) = (open(&first.db()).await, open(&second.db()).await);
    one.text = Set("first".to_owned());
    two.text = Set("second".to_owned());
    let writing = first.db().begin().await.unwrap();
    one.update_if_unchanged(&writing).await.unwrap();
    let db = second.db();
    let waiting = second.start(async move { two.update_if_unchanged(&db).await });
    notes.wait_until_blocked_by(&second, &first).await;
    if commits {
        writing.commit().await.unwrap();
    } else {
        writing.rollback().await.unwrap();
    }
    let outcome = waiting.finish().await;
    let row = read(&second.db()).await;
    match &outcome {
        Ok(saved) => assert_eq!(*saved, row),
        Err(UpdateError::Conflict { current, .. }) => assert_eq!(**current, row),
        Err(error) => panic!("{error}"),
    }
    (second, outcome)
}

#[tokio::test]
async fn second_writer_gets_a_conflict_if_the_first_commits() {
    let (_, outcome) = second_waits(true).await;
    match outcome.unwrap_err() {
        UpdateError::Conflict {
            expected: 3,
            found: 4,
            current,
            ..
        } => assert_eq!(current.text, "first"),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn second_writer_succeeds_if_the_first_rolls_back() {
    let (_, outcome) = second_waits(false).await;
    let saved = outcome.unwrap();
    assert_eq!((saved.text.as_str(), saved.version), ("second", 4));
}

/// Above READ COMMITTED the database refuses the update, and the caller has to retry the transaction.
#[tokio::test]
async fn conflict_at_repeatable_read_is_a_retry_error() {
    let notes = notes().await;
    let (first, second) = sessions(&notes).await;
    let level = Some(IsolationLevel::RepeatableRead);
    let txn = second
        .db()
        .begin_with_config(level, Some(AccessMode::ReadWrite))
        .await
        .unwrap();
    let mut late = open(&txn).await;
    late.text = Set("second".to_owned());
    let mut early = open(&first.db()).await;
    early.text = Set("first".to_owned());
    early.update_if_unchanged(&first.db()).await.unwrap();
    let error = Error::from(late.update_if_unchanged(&txn).await.unwrap_err());
    assert!(
        matches!(&error, Error::Retry(RetryError::Contention { code, .. }) if code == "40001"),
        "{error}"
    );
}

/// On a pool the call is retried, and reports the conflict.
#[tokio::test]
async fn call_at_repeatable_read_on_a_pool_is_retried_and_reports_the_conflict() {
    let notes = notes().await;
    let (first, second) = sessions(&notes).await;
    run(
        &second.db(),
        "set default_transaction_isolation = 'repeatable read'",
    )
    .await;
    let (mut one, mut two) = (open(&first.db()).await, open(&second.db()).await);
    one.text = Set("first".to_owned());
    two.text = Set("second".to_owned());
    let writing = first.db().begin().await.unwrap();
    one.update_if_unchanged(&writing).await.unwrap();
    let db = second.db();
    let waiting = second.start(async move { two.update_if_unchanged(&db).await });
    notes.wait_until_blocked_by(&second, &first).await;
    writing.commit().await.unwrap();
    let error = waiting.finish().await.unwrap_err();
    assert!(
        matches!(error, UpdateError::Conflict { found: 4, .. }),
        "{error}"
    );
}

/// Race: a note is changed while an archive of it waits. The archive checks the lock version again, and refuses.
#[tokio::test]
async fn archive_that_waited_for_a_change_is_refused() {
    let notes = notes().await;
    let (writer, archiver) = sessions(&notes).await;
    let read = read(&archiver.db()).await;
    let mut note = open(&writer.db()).await;
    note.text = Set("new".to_owned());
    let writing = writer.db().begin().await.unwrap();
    note.update_if_unchanged(&writing).await.unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { read.archive_if_unchanged(&db).await });
    notes.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    match archiving.finish().await.unwrap_err() {
        Error::Conflict(ConflictError::LockVersion {
            table,
            key,
            expected: 3,
            found: 4,
        }) => assert_eq!((table.as_str(), *key), ("notes", json!({"id": 1}))),
        error => panic!("{error}"),
    }
    assert_eq!(
        contents(&archiver.db()).await,
        [
            "active (1,one,new,red,4)",
            "active (2,two,old,,0)",
            "comment (1,1)"
        ]
    );
}

/// The same if the change is rolled back: the archive succeeds.
#[tokio::test]
async fn archive_that_waited_for_a_rolled_back_change_succeeds() {
    let notes = notes().await;
    let (writer, archiver) = sessions(&notes).await;
    let read = read(&archiver.db()).await;
    let mut note = open(&writer.db()).await;
    note.text = Set("new".to_owned());
    let writing = writer.db().begin().await.unwrap();
    note.update_if_unchanged(&writing).await.unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { read.archive_if_unchanged(&db).await });
    notes.wait_until_blocked_by(&archiver, &writer).await;
    writing.rollback().await.unwrap();
    archiving.finish().await.unwrap();
    assert_eq!(
        contents(&archiver.db()).await,
        [
            "active (2,two,old,,0)",
            "archived (1,one,old,red,3)",
            "archived comment (1,1)"
        ]
    );
}

/// Race: a note is archived while a change of it waits. The error of the change contains the archival.
#[tokio::test]
async fn change_that_waited_for_an_archive_reports_the_archival() {
    let notes = notes().await;
    let (archiver, writer) = sessions(&notes).await;
    let mut note = open(&writer.db()).await;
    note.text = Set("new".to_owned());
    let archiving = archiver.db().begin().await.unwrap();
    let archival = read(&archiving)
        .await
        .archive_if_unchanged(&archiving)
        .await;
    let archival = archival.unwrap();
    let db = writer.db();
    let writing = writer.start(async move { note.update_if_unchanged(&db).await });
    notes.wait_until_blocked_by(&writer, &archiver).await;
    archiving.commit().await.unwrap();
    match writing.finish().await.unwrap_err() {
        UpdateError::NotFound {
            archival: Some(id), ..
        } => assert_eq!(id, archival.id),
        error => panic!("{error}"),
    }
}

/// An entity for one test, so that the cached plan of its restore belongs to the tables of that test.
mod draft {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
    #[optimistic_lock(field = "version")]
    #[sea_orm(table_name = "drafts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub version: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Race: an archived row is changed with plain SQL while a restore of it waits. The restore checks the lock version
/// again, and refuses. In one statement, and step by step, as with a deferrable constraint in a transaction of the
/// caller.
#[tokio::test]
async fn restore_that_waited_for_a_change_of_the_archived_row_is_refused() {
    for in_transaction in [false, true] {
        let notes = notes().await;
        let (writer, restorer) = sessions(&notes).await;
        run(
            &writer.db(),
            "create table drafts (id bigint primary key, version int not null, unique (version) deferrable);
             insert into drafts values (1, 3)",
        )
        .await;
        let db = writer.db();
        let manager = SchemaManager::new(&db);
        manager.archive_existing_table("drafts").await.unwrap();
        let archive = draft::Entity::archive_by_id(1);
        archive.exec(&restorer.db()).await.unwrap();

        let writing = writer.db().begin().await.unwrap();
        run(&writing, "update deleted_drafts set version = 4").await;
        let db = restorer.db();
        let restore = draft::Entity::restore_by_id(1).at_lock_version(3);
        let restoring = restorer.start(async move {
            if in_transaction {
                restore.exec(&db.begin().await?).await
            } else {
                restore.exec(&db).await
            }
        });
        notes.wait_until_blocked_by(&restorer, &writer).await;
        writing.commit().await.unwrap();
        let outcome = restoring.finish().await;
        assert!(
            matches!(
                outcome,
                Err(Error::Conflict(ConflictError::LockVersion {
                    expected: 3,
                    found: 4,
                    ..
                }))
            ),
            "{outcome:?}"
        );
        let archived = column(&restorer.db(), "select version::text from deleted_drafts").await;
        assert_eq!(archived, ["4"]);
    }
}
