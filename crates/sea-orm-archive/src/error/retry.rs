//! Conflicts with concurrent transactions.

use sea_orm::DbErr;
use serde_json::Value as Json;

/// A conflict with concurrent transactions. Outside a transaction of the caller the verb has already been
/// retried several times.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// A deadlock or a serialization failure.
    #[error("another transaction was in the way ({code}): roll back and try again: {source}")]
    Contention {
        /// The SQLSTATE: 40P01 or 40001.
        code: String,
        /// The database's error.
        source: DbErr,
    },

    /// The type of a column has changed since this session prepared the statement. Outside a transaction of the caller
    /// the statement has been prepared again.
    #[error(
        "the type of a column has changed since the session prepared the statement: roll back and try again: {source}"
    )]
    OutdatedStatement {
        /// The database's error.
        source: DbErr,
    },

    /// Other transactions archived or restored the row at each attempt.
    #[error("{table} {key} could not be locked: other transactions kept moving it; try again")]
    MovingRow {
        /// The table.
        table: String,
        /// The key: an object of its columns.
        key: Box<Json>,
    },
}
