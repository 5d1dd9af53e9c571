//! The kind of every error, and its conversion into other errors and back.

use std::error::Error as StdError;

use sea_orm::{ConnAcquireErr, DbBackend, DbErr, RuntimeErr};
use serde_json::json;

use super::*;

/// One error of each case, with its kind and status.
fn every_error() -> Vec<(Error, ErrorKind, u16)> {
    let table = || "posts".to_owned();
    let text = || "x".to_owned();
    let key = || Box::new(json!({"id": 42}));
    let at = sea_orm::prelude::DateTimeUtc::default();
    let not_found = [
        NotFoundError::Row {
            table: table(),
            key: key(),
        },
        NotFoundError::DeletedRow {
            table: table(),
            key: key(),
        },
        NotFoundError::PastRow {
            table: table(),
            key: key(),
            at,
        },
        NotFoundError::LogEntries {
            table: table(),
            since: at,
        },
        NotFoundError::UnknownColumns {
            table: table(),
            key: key(),
            columns: vec![text()],
        },
        NotFoundError::PastValues {
            table: table(),
            key: key(),
            columns: vec![text()],
        },
        NotFoundError::Archival { archival: 7 },
        NotFoundError::Person {
            table: table(),
            key: key(),
        },
        NotFoundError::Erasure { erasure: 7 },
        NotFoundError::Hold { hold: 7 },
        NotFoundError::Identity {
            table: table(),
            key: key(),
        },
        NotFoundError::Version {
            table: table(),
            identity: key(),
            at: text(),
        },
        NotFoundError::ScheduledVersion {
            table: table(),
            identity: key(),
            at: text(),
        },
    ];
    let refused = [
        RefusedError::UnsetColumn {
            table: table(),
            column: text(),
        },
        RefusedError::ManagedColumn {
            table: table(),
            column: text(),
        },
        RefusedError::EmptyPeriod {
            table: table(),
            from: text(),
            to: text(),
        },
        RefusedError::SameIdentity {
            table: table(),
            identity: key(),
        },
        RefusedError::UnrecordedActor { table: table() },
        RefusedError::ActorType {
            table: table(),
            detail: text(),
        },
        RefusedError::TooManyRows {
            table: table(),
            rows: 7,
        },
        RefusedError::TooManyValues { values: 70_000 },
        RefusedError::IsolationLevel {
            message: "this transaction is SERIALIZABLE".to_owned(),
        },
        RefusedError::EndedHold { message: text() },
        RefusedError::ZeroByte { field: "actor" },
    ];
    let conflict = [
        ConflictError::Held {
            message: text(),
            archivals: vec![7],
            holds: vec![3],
        },
        ConflictError::AlreadyArchived {
            table: table(),
            key: key(),
            archival: 7,
        },
        ConflictError::NotArchived {
            table: table(),
            key: key(),
        },
        ConflictError::DuplicateKey {
            table: table(),
            constraint: text(),
            detail: text(),
            archivals: vec![7],
        },
        ConflictError::Blocked {
            table: table(),
            blockers: Vec::new(),
        },
        ConflictError::Restore {
            archival: 7,
            conflicts: Vec::new(),
        },
        ConflictError::RestoreMany {
            archivals: Vec::new(),
        },
        ConflictError::ParentArchived {
            table: table(),
            key: key(),
            parent_table: text(),
            parent_key: key(),
            archival: 7,
        },
        ConflictError::OtherTenant { table: table() },
        ConflictError::LockVersion {
            table: table(),
            key: key(),
            expected: 3,
            found: 4,
        },
        ConflictError::Overlap {
            table: table(),
            identity: key(),
            constraint: text(),
            wanted: text(),
            existing: text(),
        },
        ConflictError::LaterVersion {
            table: table(),
            identity: key(),
            at: text(),
            starts: text(),
        },
        ConflictError::DependentRows {
            table: table(),
            constraint: text(),
            detail: text(),
        },
    ];
    let retry = [
        RetryError::Contention {
            code: "40001".to_owned(),
            source: DbErr::RecordNotUpdated,
        },
        RetryError::MovingRow {
            table: table(),
            key: key(),
        },
        RetryError::OutdatedStatement {
            source: DbErr::RecordNotUpdated,
        },
    ];
    let drift = [
        DriftError::Schema {
            table: table(),
            problems: vec![text()],
        },
        DriftError::UndeclaredEdges {
            table: table(),
            edges: Vec::new(),
        },
        DriftError::Trigger { message: text() },
        DriftError::IncompleteArchival { message: text() },
    ];
    let setup = [
        SetupError::UnsupportedBackend {
            backend: DbBackend::Sqlite,
        },
        SetupError::NotInstalled { message: text() },
        SetupError::NotAudited { table: table() },
        SetupError::UnexpectedAnswer { message: text() },
    ];
    let timeout = DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
    let database = [
        (DbErr::RecordNotInserted, 500),
        (DbErr::Conn(RuntimeErr::Internal(text())), 503),
        (timeout, 503),
    ];
    let groups = [
        (
            not_found.map(Error::from).to_vec(),
            ErrorKind::NotFound,
            404,
        ),
        (refused.map(Error::from).to_vec(), ErrorKind::Refused, 422),
        (conflict.map(Error::from).to_vec(), ErrorKind::Conflict, 409),
        (retry.map(Error::from).to_vec(), ErrorKind::Retry, 503),
        (drift.map(Error::from).to_vec(), ErrorKind::Drift, 500),
        (setup.map(Error::from).to_vec(), ErrorKind::Setup, 500),
    ];
    let grouped = groups.into_iter().flat_map(|(errors, kind, status)| {
        errors.into_iter().map(move |error| (error, kind, status))
    });
    let database = database.map(|(error, status)| (error.into(), ErrorKind::Database, status));
    grouped.chain(database).collect()
}

#[test]
fn every_error_has_a_kind_and_a_status() {
    for (error, kind, status) in every_error() {
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.http_status(), status, "{error}");
        assert_eq!(error.is_retryable(), kind == ErrorKind::Retry, "{error}");
    }
    assert_eq!(json!(ErrorKind::NotFound), json!("not_found"));
}

#[test]
fn conversion_to_db_err_and_back_returns_the_same_error() {
    let text = |error: &Error| match error {
        // It becomes the error of the database, which is contention by its SQLSTATE alone.
        Error::Retry(RetryError::Contention { source, .. }) => format!("{source:?}"),
        Error::Database(source) => format!("{source:?}"),
        error => format!("{error:?}"),
    };
    for (error, ..) in every_error() {
        let converted = DbErr::from(error.clone());
        assert_eq!(text(&Error::from(converted.clone())), text(&error));
        let found = Error::find_in(&converted).map(|found| text(&found));
        assert_eq!(found, Some(text(&error)));
    }
}

/// An error of the application.
#[derive(Debug, thiserror::Error)]
#[error("the request failed")]
struct Failed(#[source] Box<dyn StdError + Send + Sync>);

#[test]
fn find_in_finds_the_error_inside_errors_that_wrap_it() {
    let error = || Error::from(NotFoundError::Archival { archival: 7 });
    let found = |error: &(dyn StdError + 'static)| Error::find_in(error).map(|found| found.kind());
    let as_anyhow = anyhow::Error::from(error()).context("while restoring");
    assert_eq!(found(as_anyhow.as_ref()), Some(ErrorKind::NotFound));
    let as_db_err = anyhow::Error::from(DbErr::from(error())).context("while restoring");
    assert_eq!(found(as_db_err.as_ref()), Some(ErrorKind::NotFound));
    let wrapped = Failed(Box::new(Failed(Box::new(DbErr::from(error())))));
    assert_eq!(found(&wrapped), Some(ErrorKind::NotFound));
    let of_the_driver = Failed(Box::new(RuntimeErr::Internal("x".to_owned())));
    assert_eq!(found(&of_the_driver), Some(ErrorKind::Database));
    assert_eq!(found(&std::fmt::Error), None);
}

/// Compiles only if the result types of all verbs are `Serialize`.
#[test]
fn every_result_of_a_verb_is_serialize() {
    fn result<T: serde::Serialize>() {}
    type Model = crate::archival::Model;
    result::<crate::Archival>();
    result::<crate::ArchivePreview>();
    result::<crate::Restored>();
    result::<crate::RestorePreview>();
    result::<crate::Blocker>();
    result::<crate::Detachment>();
    result::<crate::Conflict>();
    result::<crate::LostLink>();
    result::<crate::Waiting>();
    result::<crate::Changed<Model>>();
    result::<crate::Period<sea_orm::prelude::DateTimeUtc>>();
    result::<crate::audit::AsOf<Model>>();
    result::<crate::audit::entry::Model>();
    result::<crate::audit::entry::Change>();
    result::<crate::audit::details::Model>();
    result::<crate::Finding>();
    result::<UndeclaredEdge>();
    result::<ErrorKind>();
}
