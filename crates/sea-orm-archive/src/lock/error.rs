//! Why a change was not written, with the row that was in its way.

use std::fmt::Debug;

use sea_orm::DbErr;

use crate::Error;

/// Why [`update_locked`](crate::UpdateLocked::update_locked) did not write. `M` is the Model.
///
/// It becomes an [`Error`] by `?`, without the row.
#[derive(Debug, thiserror::Error)]
pub enum LockError<M> {
    /// The row was changed since it was read. Web handlers answer 409, with `current`.
    #[error(
        "the row {key} of {table} was changed since it was read: it has version {found}, not {expected}"
    )]
    Conflict {
        /// The table.
        table: String,
        /// The key of the row.
        key: String,
        /// The version that was read.
        expected: i64,
        /// The version that the row has now.
        found: i64,
        /// The row as it is now.
        current: Box<M>,
    },

    /// The row was deleted or archived since it was read. Web handlers answer 404 or 410.
    #[error("the row {key} of {table} is gone: it was {} since it was read", how_it_went(*.archival))]
    Gone {
        /// The table.
        table: String,
        /// The key of the row.
        key: String,
        /// The archival that holds it, where the entity has an archive and the row is there.
        archival: Option<i64>,
    },

    /// Anything else.
    #[error(transparent)]
    Other(Error),
}

fn how_it_went(archival: Option<i64>) -> String {
    match archival {
        Some(archival) => format!("archived (archival {archival})"),
        None => "deleted".to_owned(),
    }
}

impl<M> From<Error> for LockError<M> {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl<M> From<DbErr> for LockError<M> {
    fn from(error: DbErr) -> Self {
        Self::Other(error.into())
    }
}

impl<M> From<LockError<M>> for Error {
    fn from(error: LockError<M>) -> Self {
        match error {
            LockError::Conflict {
                table,
                key,
                expected,
                found,
                current: _,
            } => Self::VersionConflict {
                table,
                key,
                expected,
                found,
            },
            LockError::Gone {
                table,
                key,
                archival: Some(archival),
            } => Self::AlreadyArchived {
                table,
                key,
                archival,
            },
            LockError::Gone {
                table,
                key,
                archival: None,
            } => Self::Gone { table, key },
            LockError::Other(error) => error,
        }
    }
}
