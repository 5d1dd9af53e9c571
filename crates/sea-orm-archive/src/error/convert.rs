//! Converts between the error of this crate, SeaORM's, and errors of an application that wrap them.

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxPostgresError};
use sea_orm_archive_postgres::sqlstate;
use serde_json::Value as Json;

use super::{
    ConflictError, DriftError, Error, NotFoundError, RefusedError, RetryError, SetupError,
    database::postgres,
};

use crate::event::Cursor;

/// For work that returns SeaORM's own error. [`Error::find_in`] and `Error::from` return the original error.
///
/// An error of the database is returned as it is. Any other becomes the source of a `DbErr::TryIntoErr`, the
/// only variant that can contain an error of another crate.
impl From<Error> for DbErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) | Error::Retry(RetryError::Contention { source: error, .. }) => {
                error
            }
            error => Self::TryIntoErr {
                from: "sea_orm_archive::Error",
                into: "DbErr",
                source: Arc::new(error),
            },
        }
    }
}

/// Returns the error of this crate that the `DbErr` contains. Otherwise the SQLSTATE determines the error,
/// since names of tables and constraints can be missing.
impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let DbErr::TryIntoErr { source, .. } = &error
            && let Some(contained) = source.downcast_ref::<Self>()
        {
            return contained.clone();
        }
        match postgres(&error).and_then(|source| explained(&error, source)) {
            Some(explained) => explained,
            None => Self::Database(error),
        }
    }
}

fn explained(error: &DbErr, source: &SqlxPostgresError) -> Option<Error> {
    let (code, message) = (source.code(), source.message().to_owned());
    Some(match code {
        code if sqlstate::is_contention(code) => {
            let (code, source) = (code.to_owned(), error.clone());
            RetryError::Contention { code, source }.into()
        }
        // What is said of a column names no schema, and the column of a stale plan may have any name.
        code if sqlstate::is_undefined(code)
            && code != sqlstate::UNDEFINED_COLUMN
            && names_archive(&message) =>
        {
            SetupError::NotInstalled { message }.into()
        }
        sqlstate::UNIQUE_VIOLATION
            if source.schema() == Some("archive")
                && source
                    .constraint()
                    .is_some_and(|name| name.ends_with("_pkey")) =>
        {
            let table = source.table().unwrap_or_default().to_owned();
            SetupError::SequenceBehind { table }.into()
        }
        code if sqlstate::is_trigger(code) => DriftError::Trigger { message }.into(),
        sqlstate::INCOMPLETE_ARCHIVAL => DriftError::IncompleteArchival { message }.into(),
        sqlstate::ISOLATION_LEVEL => RefusedError::IsolationLevel { message }.into(),
        sqlstate::ENDED_HOLD => RefusedError::EndedHold { message }.into(),
        sqlstate::EVENTS_DISABLED => SetupError::EventsDisabled.into(),
        sqlstate::DELETED_EVENTS => deleted_events(message, &details(source)).into(),
        sqlstate::SKIPPED_HOOKS => RefusedError::SkippedHooks { message }.into(),
        sqlstate::UNKNOWN_CURSOR => RefusedError::UnknownCursor { message }.into(),
        sqlstate::PERSONAL_DATA => SetupError::PersonalData { message }.into(),
        sqlstate::UNKNOWN_PERSON => {
            let mut detail = details(source);
            NotFoundError::Person {
                table: detail["table"].as_str().unwrap_or_default().to_owned(),
                key: Box::new(detail["key"].take()),
            }
            .into()
        }
        sqlstate::HELD => held(message, &details(source)).into(),
        sqlstate::GUARDED => RefusedError::Guarded {
            table: names(source).unwrap_or_default(),
            keys: details(source)["keys"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            message,
        }
        .into(),
        sqlstate::NOT_AUDITED => SetupError::NotAudited { table: message }.into(),
        sqlstate::OTHER_TENANT => {
            let table = names(source).unwrap_or(message);
            ConflictError::OtherTenant { table }.into()
        }
        _ => return None,
    })
}

/// Whether a message names the schema `archive` or an object of it, and not, for example, one of `old_archive`.
fn names_archive(message: &str) -> bool {
    let mut objects = message.match_indices("archive.");
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    objects.any(|(at, _)| !message[..at].ends_with(is_part)) || message.contains("\"archive\"")
}

/// The database reports positions as JSON.
fn deleted_events(message: String, detail: &Json) -> NotFoundError {
    let cursor = |name: &str| Cursor::from(detail[name].as_i64().unwrap_or_default());
    NotFoundError::DeletedEvents {
        after: cursor("after"),
        deleted: cursor("deleted"),
        message,
    }
}

/// The table that the database names.
fn names(source: &SqlxPostgresError) -> Option<String> {
    let (schema, table) = source.schema().zip(source.table())?;
    Some(format!("{schema}.{table}"))
}

/// The database reports keys, archivals and holds as JSON.
fn details(source: &SqlxPostgresError) -> Json {
    let detail = source.detail();
    detail
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

fn held(message: String, detail: &Json) -> ConflictError {
    let ids = |name: &str| -> Vec<i64> {
        let ids = detail[name].as_array().into_iter().flatten();
        ids.filter_map(Json::as_i64).collect()
    };
    ConflictError::Held {
        message,
        archivals: ids("archivals"),
        holds: ids("holds"),
    }
}

impl Error {
    /// The error of this crate, or of SeaORM, in a chain of errors: inside a `DbErr`, an `anyhow::Error` or an
    /// error of the application that names it as its source.
    ///
    /// ```
    /// use sea_orm::DbErr;
    /// use sea_orm_archive::{Error, error::NotFoundError};
    ///
    /// let error = Error::from(NotFoundError::Archival { archival: 7 });
    /// let error = DbErr::from(error);
    /// let found = Error::find_in(&error).unwrap();
    /// assert_eq!(found.http_status(), 404);
    /// ```
    pub fn find_in(error: &(dyn StdError + 'static)) -> Option<Self> {
        chain(error).find_map(|error| {
            if let Some(error) = error.downcast_ref::<Self>() {
                return Some(error.clone());
            }
            let error = error.downcast_ref::<DbErr>().cloned().or_else(|| {
                let error = error.downcast_ref::<RuntimeErr>().cloned();
                error.map(DbErr::Exec)
            });
            error.map(Self::from)
        })
    }
}

/// Whether an error is, or comes from, a deadlock or a serialization failure.
pub(crate) fn is_contention(error: &(dyn StdError + 'static)) -> bool {
    let is_of_driver = |error: &(dyn StdError + 'static)| match error.downcast_ref() {
        Some(SqlxError::Database(e)) => e.code().is_some_and(|c| sqlstate::is_contention(&c)),
        _ => false,
    };
    Error::find_in(error).is_some_and(|error| error.is_retryable())
        || chain(error).any(is_of_driver)
}

fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::names_archive;

    #[test]
    fn objects_of_another_schema_are_no_sign_of_a_missing_installation() {
        for ours in [
            "schema \"archive\" does not exist",
            "relation \"archive.archival\" does not exist",
            "function archive.acts_for(text) does not exist",
        ] {
            assert!(names_archive(ours), "{ours}");
        }
        for other in [
            "relation \"old_archive.posts\" does not exist",
            "relation \"app.archive.posts\" does not exist",
            "relation \"posts\" does not exist",
        ] {
            assert!(!names_archive(other), "{other}");
        }
    }
}
