//! The error of the second of two writers.

use sea_orm::ActiveValue::Set;
use sea_orm::{IntoActiveModel, TransactionTrait};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use serde_json::json;

use crate::locking::notes::{contents, note, notes, open, read, run, unarchived};

#[tokio::test]
async fn second_of_two_writers_gets_the_current_row() {
    let notes = notes().await;
    let db = notes.connect().await;
    let (mut first, mut second) = (open(&db).await, open(&db).await);
    first.text = Set("first".to_owned());
    second.color = Set(None);
    let saved = first.update_if_unchanged(&db).await.unwrap();
    let error = second.update_if_unchanged(&db).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"notes {"id":1} was changed since it was read: it has lock version 4, not 3"#
    );
    match error {
        UpdateError::Conflict {
            table,
            key,
            expected: 3,
            found: 4,
            current,
        } => {
            assert_eq!((table.as_str(), *key), ("notes", json!({"id": 1})));
            assert_eq!(*current, saved);
            // It can be changed and saved again.
            let mut again = current.into_active_model();
            again.color = Set(None);
            let saved = again.update_if_unchanged(&db).await.unwrap();
            assert_eq!(
                (saved.text.as_str(), saved.color, saved.version),
                ("first", None, 5)
            );
        }
        other => panic!("{other}"),
    }
}

/// For callers that do not need the row.
#[tokio::test]
async fn update_error_converts_into_error() {
    async fn save(
        note: note::ActiveModel,
        db: &sea_orm::DatabaseConnection,
    ) -> Result<note::Model, Error> {
        Ok(note.update_if_unchanged(db).await?)
    }
    let notes = notes().await;
    let db = notes.connect().await;
    let mut note = open(&db).await;
    note.text = Set("new".to_owned());
    save(note.clone(), &db).await.unwrap();
    match save(note, &db).await.unwrap_err() {
        Error::Conflict(ConflictError::LockVersion {
            table,
            key,
            expected: 3,
            found: 4,
        }) => assert_eq!((table.as_str(), *key), ("notes", json!({"id": 1}))),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn deleted_row_is_reported_as_not_found() {
    let notes = notes().await;
    let db = notes.connect().await;
    let mut note = open(&db).await;
    run(&db, "delete from notes where id = 1").await;
    note.text = Set("new".to_owned());
    let error = note.update_if_unchanged(&db).await.unwrap_err();
    assert!(
        matches!(error, UpdateError::NotFound { archival: None, .. }),
        "{error}"
    );
    let error = Error::from(error);
    assert!(
        matches!(error, Error::NotFound(NotFoundError::DeletedRow { .. })),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        r#"notes {"id":1} was deleted since it was read"#
    );
}

#[tokio::test]
async fn archived_row_is_reported_with_its_archival() {
    let notes = notes().await;
    let db = notes.connect().await;
    let mut note = open(&db).await;
    note.text = Set("new".to_owned());
    let archival = read(&db).await.archive(&db).await.unwrap();
    let before = contents(&db).await;
    match note.clone().update_if_unchanged(&db).await.unwrap_err() {
        UpdateError::NotFound {
            archival: Some(id), ..
        } => assert_eq!(id, archival.id),
        error => panic!("{error}"),
    }
    let error = Error::from(note.clone().update_if_unchanged(&db).await.unwrap_err());
    assert!(
        matches!(
            error,
            Error::Conflict(ConflictError::AlreadyArchived { .. })
        ),
        "{error}"
    );
    // An entity that is not archivable does not report the archival.
    let unarchived = unarchived::ActiveModel {
        id: Set(1),
        text: Set("new".to_owned()),
        version: Set(3),
    };
    let error = unarchived.update_if_unchanged(&db).await.unwrap_err();
    assert!(
        matches!(error, UpdateError::NotFound { archival: None, .. }),
        "{error}"
    );
    assert_eq!(contents(&db).await, before);
    // The row is restored with its lock version, and can be written.
    archival.restore(&db).await.unwrap();
    assert_eq!(note.update_if_unchanged(&db).await.unwrap().version, 4);
}

#[tokio::test]
async fn conflict_leaves_the_callers_transaction_usable() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    let txn = db.begin().await.unwrap();
    let mut stale = open(&txn).await;
    let mut note = stale.clone();
    note.text = Set("new".to_owned());
    stale.text = Set("newer".to_owned());
    assert_eq!(note.update_if_unchanged(&txn).await.unwrap().version, 4);
    let error = stale.clone().update_if_unchanged(&txn).await.unwrap_err();
    assert!(
        matches!(error, UpdateError::Conflict { found: 4, .. }),
        "{error}"
    );
    stale.id = Set(99);
    let error = stale.update_if_unchanged(&txn).await.unwrap_err();
    assert!(matches!(error, UpdateError::NotFound { .. }), "{error}");
    assert_eq!(read(&txn).await.text, "new");
    // A rolled back savepoint of the caller resets the lock version.
    let nested = txn.begin().await.unwrap();
    let mut note = open(&nested).await;
    note.text = Set("nested".to_owned());
    assert_eq!(
        note.clone()
            .update_if_unchanged(&nested)
            .await
            .unwrap()
            .version,
        5
    );
    nested.rollback().await.unwrap();
    assert_eq!(note.update_if_unchanged(&txn).await.unwrap().version, 5);
    txn.rollback().await.unwrap();
    assert_eq!(contents(&db).await, before);
}
