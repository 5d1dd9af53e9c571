//! Missing migrations, and databases that are not supported.

use sea_orm::DbBackend;
use sea_orm_archive_postgres::schema::{VERSION, Version};

use super::Error;

/// What is missing or not supported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The next id of a table of the schema `archive` is taken: its rows were copied without the sequence.
    #[error(
        "the sequence of archive.{table} is behind its rows: call manager.reset_archive_sequences() in a migration"
    )]
    SequenceBehind {
        /// The table, without its schema.
        table: String,
    },

    /// The database is not PostgreSQL.
    #[error("sea-orm-archive works on PostgreSQL 15 or newer; this connection is {backend:?}")]
    UnsupportedBackend {
        /// The database.
        backend: DbBackend,
    },

    /// The schema `archive` is missing or older than this crate.
    #[error(
        "the schema `archive` is missing or out of date: call `manager.install_archive().await?` in a migration ({message})"
    )]
    NotInstalled {
        /// What the database reports.
        message: String,
    },

    /// The schema `archive` has another version than this crate works on.
    #[error(
        "the schema `archive` has version {installed}, and this release of sea-orm-archive needs version {VERSION}: {}",
        if installed.major > VERSION.major { "upgrade sea-orm-archive" } else { "call `manager.install_archive().await?` in a migration" }
    )]
    SchemaVersion {
        /// The version that is installed.
        installed: Version,
    },

    /// The table is not audited.
    #[error(
        "{table} is not audited: call `manager.audit_table(..)` in a migration (`sea-orm-archive generate --audit {table}` writes it), and the log records it from then on"
    )]
    NotAudited {
        /// The table.
        table: String,
    },

    /// The personal data of a person is not declared, or a declaration does not fit its table.
    #[error("{message}")]
    PersonalData {
        /// What the database reports: the table, and what to do.
        message: String,
    },

    /// Events are not written.
    #[error("events are not enabled: call `manager.enable_events().await?` in a migration")]
    EventsDisabled,

    /// A function of the schema `archive` returned what this version of the crate cannot read.
    #[error(
        "the schema `archive` returned a result that this version of sea-orm-archive cannot read: call `manager.install_archive().await?` of the same version in a migration ({message})"
    )]
    UnexpectedAnswer {
        /// What cannot be read.
        message: String,
    },
}

/// The error for a result of the schema `archive` that cannot be read.
pub(crate) fn unexpected_answer(message: impl std::fmt::Display) -> Error {
    let message = message.to_string();
    SetupError::UnexpectedAnswer { message }.into()
}
