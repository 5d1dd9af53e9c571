//! The kind of an error, and the HTTP status that fits it.

use sea_orm::DbErr;
use serde::{Deserialize, Serialize};

use super::Error;

/// What an [`Error`] means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something that the call names does not exist, such as a row, an archival or a version.
    NotFound,
    /// The call itself cannot be carried out: correct it.
    Refused,
    /// Other rows conflict with the call: change them, or decide again.
    Conflict,
    /// Concurrent transactions conflicted: run the transaction again.
    Retry,
    /// The database is not what the entities expect: a fault of the deployment.
    Drift,
    /// A migration is missing.
    Setup,
    /// Any other error of the database.
    Database,
}

impl Error {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Refused(_) => ErrorKind::Refused,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Retry(_) => ErrorKind::Retry,
            Self::Drift(_) => ErrorKind::Drift,
            Self::Setup(_) => ErrorKind::Setup,
            // A hook that refuses for a reason of its own, or an error of what it has called.
            Self::Hook(hook) => match hook.cause() {
                Some(error) => error.kind(),
                None => ErrorKind::Refused,
            },
            Self::Database(_) => ErrorKind::Database,
        }
    }

    /// Whether the same transaction may succeed when it is run again from its beginning.
    pub fn is_retryable(&self) -> bool {
        self.kind() == ErrorKind::Retry
    }

    /// The HTTP status for this error: 404, 422, 409, 503, or 500.
    ///
    /// A database that cannot be reached is 503, too.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NotFound(_) => 404,
            Self::Refused(_) => 422,
            Self::Conflict(_) => 409,
            Self::Retry(_) | Self::Database(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => 503,
            Self::Drift(_) | Self::Setup(_) | Self::Database(_) => 500,
            Self::Hook(hook) => hook.cause().map_or(422, |error| error.http_status()),
        }
    }
}
