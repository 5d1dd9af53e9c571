//! Archive and restore of a row only if its lock version is the one that was read.

use sea_orm::{EntityTrait, TransactionTrait};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use serde_json::json;

use crate::locking::notes::{contents, note, notes, read, run};

async fn deleted(db: &impl sea_orm::ConnectionTrait) -> note::deleted::Model {
    let found = note::deleted::Entity::find_by_id(1).one(db).await;
    found.unwrap().unwrap()
}

fn is_conflict(error: &Error, lock_versions: (i64, i64)) -> bool {
    matches!(error, Error::Conflict(ConflictError::LockVersion { table, key, expected, found })
        if table == "notes" && **key == json!({"id": 1}) && (*expected, *found) == lock_versions)
}

#[tokio::test]
async fn row_with_the_lock_version_read_is_archived_and_restored() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    read(&db).await.archive_if_unchanged(&db).await.unwrap();
    assert_eq!(deleted(&db).await.version, 3);
    deleted(&db).await.restore_if_unchanged(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
    let archival = note::Entity::archive_by_id(1)
        .at_lock_version(3)
        .by(7)
        .reason("read")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archival.archived_by.as_deref(), Some("7"));
    let restored = note::Entity::restore_by_id(1)
        .by(8)
        .at_lock_version(3)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.archival.restored_by.as_deref(), Some("8"));
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn row_with_another_lock_version_is_not_archived() {
    let notes = notes().await;
    let db = notes.connect().await;
    let stale = read(&db).await;
    run(&db, "update notes set version = 4 where id = 1").await;
    let before = contents(&db).await;
    let error = stale.archive_if_unchanged(&db).await.unwrap_err();
    assert!(is_conflict(&error, (3, 4)), "{error}");
    assert_eq!(
        error.to_string(),
        r#"notes {"id":1} was changed since it was read: it has lock version 4, not 3; read it again, and decide again"#
    );
    let archive = || note::Entity::archive_by_id(1).at_lock_version(5);
    let error = archive().exec(&db).await.unwrap_err();
    assert!(is_conflict(&error, (5, 4)), "{error}");
    let error = archive().preview(&db).await.unwrap_err();
    assert!(is_conflict(&error, (5, 4)), "{error}");
    assert_eq!(contents(&db).await, before);
    // The last call of `at_lock_version` wins.
    let archive = archive().at_lock_version(4);
    let preview = archive.clone().preview(&db).await.unwrap();
    assert_eq!(preview.rows["public.comments"], 1);
    archive.exec(&db).await.unwrap();
}

#[tokio::test]
async fn row_with_another_lock_version_is_not_restored() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    let archival = read(&db).await.archive(&db).await.unwrap();
    let stale = deleted(&db).await;
    // The note is restored, changed, and archived again.
    archival.restore(&db).await.unwrap();
    run(&db, "update notes set version = 4 where id = 1").await;
    read(&db).await.archive(&db).await.unwrap();
    let archived = contents(&db).await;
    let error = stale.restore_if_unchanged(&db).await.unwrap_err();
    assert!(is_conflict(&error, (3, 4)), "{error}");
    let restore = |lock_version| note::Entity::restore_by_id(1).at_lock_version(lock_version);
    let error = restore(5).exec(&db).await.unwrap_err();
    assert!(is_conflict(&error, (5, 4)), "{error}");
    let error = restore(5).preview(&db).await.unwrap_err();
    assert!(is_conflict(&error, (5, 4)), "{error}");
    assert_eq!(contents(&db).await, archived);
    assert_eq!(restore(4).preview(&db).await.unwrap().conflicts, []);
    restore(5).at_lock_version(4).exec(&db).await.unwrap();
    run(&db, "update notes set version = 3 where id = 1").await;
    assert_eq!(contents(&db).await, before);
}

/// A row that is active, archived or missing is reported before its lock version is compared.
#[tokio::test]
async fn row_in_the_other_table_or_none_is_reported_first() {
    let notes = notes().await;
    let db = notes.connect().await;
    let error = note::Entity::restore_by_id(1)
        .at_lock_version(9)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::NotArchived { .. })),
        "{error}"
    );
    let stale = read(&db).await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let error = stale.archive_if_unchanged(&db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Conflict(ConflictError::AlreadyArchived { .. })
        ),
        "{error}"
    );
    for id in [9, 10] {
        let error = note::Entity::archive_by_id(id)
            .at_lock_version(3)
            .exec(&db)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Row { .. })),
            "{error}"
        );
        let error = note::Entity::restore_by_id(id)
            .at_lock_version(3)
            .exec(&db)
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Row { .. })),
            "{error}"
        );
    }
}

/// Conflicts are reported only if the lock version is the expected one.
#[tokio::test]
async fn stale_lock_version_is_reported_before_other_conflicts() {
    let notes = notes().await;
    let db = notes.connect().await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "update notes set slug = 'one' where id = 2").await;
    let restore = |lock_version| note::Entity::restore_by_id(1).at_lock_version(lock_version);
    let error = restore(4).exec(&db).await.unwrap_err();
    assert!(is_conflict(&error, (4, 3)), "{error}");
    let error = restore(3).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Restore { .. })),
        "{error}"
    );
    assert_eq!(restore(3).preview(&db).await.unwrap().conflicts.len(), 1);
    run(&db, "update notes set slug = 'two' where id = 2").await;
    restore(3).exec(&db).await.unwrap();
}

#[tokio::test]
async fn stale_lock_version_leaves_the_callers_transaction_usable() {
    let notes = notes().await;
    let db = notes.connect().await;
    let before = contents(&db).await;
    let txn = db.begin().await.unwrap();
    let mut stale = read(&txn).await;
    stale.version = 2;
    let error = stale.archive_if_unchanged(&txn).await.unwrap_err();
    assert!(is_conflict(&error, (2, 3)), "{error}");
    read(&txn).await.archive_if_unchanged(&txn).await.unwrap();
    let mut stale = deleted(&txn).await;
    stale.version = 2;
    let error = stale.restore_if_unchanged(&txn).await.unwrap_err();
    assert!(is_conflict(&error, (2, 3)), "{error}");
    deleted(&txn)
        .await
        .restore_if_unchanged(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    assert_eq!(contents(&db).await, before);
}
