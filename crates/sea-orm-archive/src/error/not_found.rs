//! Rows, archivals, identities and versions that do not exist.

use sea_orm::prelude::DateTimeUtc;
use serde_json::Value as Json;

use crate::event::Cursor;

/// What does not exist. A key or an identity is an object of its columns: `{"id": 42}`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFoundError {
    /// A row, neither active nor archived.
    #[error("{table} has no row with the key {key}, and neither has its archive table")]
    Row {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
    },

    /// A row that was deleted since it was read.
    #[error("{table} {key} was deleted since it was read")]
    DeletedRow {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
    },

    /// A row at an earlier time.
    #[error("{table} had no row {key} at {at}: ask for a later time")]
    PastRow {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
        /// The requested time.
        at: DateTimeUtc,
    },

    /// Entries of the audit log from before it recorded the table.
    #[error("the audit log records {table} since {since}: ask for a later time")]
    LogEntries {
        /// The table.
        table: String,
        /// Since when the log records it, or since when entries are retained.
        since: DateTimeUtc,
    },

    /// Values of a deleted row that the audit log does not contain, and that its entity requires.
    #[error(
        "{table} {key} was deleted, and the audit log does not contain its column(s) {}: they are excluded, redacted, were added later, or have another type now. Read the other columns with `find_as_of(..).json(..)`", .columns.join(", ")
    )]
    UnknownColumns {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
        /// The columns.
        columns: Vec<String>,
    },

    /// Values of a row at an earlier time that can be written again.
    #[error(
        "{table} {key} cannot be reverted: column(s) {} have changed since, and later migrations leave no value to set them to. Read the others with `find_as_of(..)`, and set them with an update", .columns.join(", ")
    )]
    PastValues {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
        /// The columns.
        columns: Vec<String>,
    },

    /// An archival that can be restored.
    #[error(
        "archival {archival} is not archived: it was restored or purged before, does not exist, or belongs to a table that this role may not read"
    )]
    Archival {
        /// The id.
        archival: i64,
    },

    /// A person that can be erased: no row, archived row, entry of the log or erasure has the key, and no row refers to it.
    #[error(
        "{table} has no person with the key {key}: no row, archived row or entry of the audit log has it, and no row refers to it; check the key"
    )]
    Person {
        /// The table of persons.
        table: String,
        /// The primary key, as an array of the texts of its values.
        key: Box<Json>,
    },

    /// An erasure that this session may go on with: tenancy was enabled since it began, or it is of another tenant.
    #[error(
        "erasure {erasure} does not go on in this session: it is of another tenant, or of all tenants, which needs an administrator of tenancy without a tenant; erase the person again"
    )]
    Erasure {
        /// The id.
        erasure: i64,
    },

    /// A hold that can be released.
    #[error(
        "there is no hold {hold} that can be released: it was released before, or is of another tenant"
    )]
    Hold {
        /// The id.
        hold: i64,
    },

    /// Events after a cursor that were deleted: by a retention rule, or when events were disabled.
    #[error("{message}")]
    DeletedEvents {
        /// The cursor.
        after: Cursor,
        /// The cursor after the last event that was deleted.
        deleted: Cursor,
        /// What the database reports: the positions, and what to do.
        message: String,
    },

    /// An identity of a history.
    #[error(
        "{table} has no row {key}: insert the identity before its first version, or restore it if it was archived"
    )]
    Identity {
        /// The table of identities.
        table: String,
        /// The key.
        key: Box<Json>,
    },

    /// A version that is valid at a time.
    #[error(
        "{table} {identity} has no version that is valid at {at}: start one with `.start(..)`, or choose another time"
    )]
    Version {
        /// The history table.
        table: String,
        /// The identity.
        identity: Box<Json>,
        /// The time, or `now`.
        at: String,
    },

    /// A version that is scheduled to start at a time.
    #[error(
        "{table} {identity} has no version that is scheduled to start at {at}: a version that has started is corrected with `.correct(..)`, or ended"
    )]
    ScheduledVersion {
        /// The history table.
        table: String,
        /// The identity.
        identity: Box<Json>,
        /// The start that was passed.
        at: String,
    },
}
