//! Why an update was not written, with the current row.

use std::fmt::Debug;

use sea_orm::DbErr;
use serde_json::Value as Json;

use crate::error::{ConflictError, Error, NotFoundError};

/// Why [`update_if_unchanged`](crate::UpdateIfUnchanged::update_if_unchanged) did not write. `M` is the Model.
///
/// The operator `?` converts it into an [`Error`], without the row.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<M> {
    /// The row was changed since it was read. Web handlers answer 409, with `current`.
    #[error(
        "{table} {key} was changed since it was read: it has lock version {found}, not {expected}"
    )]
    Conflict {
        /// The table.
        table: String,
        /// The key of the row.
        key: Box<Json>,
        /// The lock version that was read.
        expected: i64,
        /// The lock version that the row has now.
        found: i64,
        /// The row as it is now.
        current: Box<M>,
    },

    /// The row was deleted or archived since it was read. Web handlers answer 404 or 410.
    #[error("{table} {key} was {} since it was read", removal(*.archival))]
    NotFound {
        /// The table.
        table: String,
        /// The key of the row.
        key: Box<Json>,
        /// The archival of the row, where the entity has an archive table and the row is in it.
        archival: Option<i64>,
    },

    /// Anything else.
    #[error(transparent)]
    Other(Error),
}

fn removal(archival: Option<i64>) -> String {
    match archival {
        Some(archival) => format!("archived (archival {archival})"),
        None => "deleted".to_owned(),
    }
}

impl<M> From<Error> for UpdateError<M> {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl<M> From<DbErr> for UpdateError<M> {
    fn from(error: DbErr) -> Self {
        Self::Other(error.into())
    }
}

impl<M> From<UpdateError<M>> for Error {
    fn from(error: UpdateError<M>) -> Self {
        match error {
            UpdateError::Conflict {
                table,
                key,
                expected,
                found,
                current: _,
            } => ConflictError::LockVersion {
                table,
                key,
                expected,
                found,
            }
            .into(),
            UpdateError::NotFound {
                table,
                key,
                archival: Some(archival),
            } => ConflictError::AlreadyArchived {
                table,
                key,
                archival,
            }
            .into(),
            UpdateError::NotFound {
                table,
                key,
                archival: None,
            } => NotFoundError::DeletedRow { table, key }.into(),
            UpdateError::Other(error) => error,
        }
    }
}
