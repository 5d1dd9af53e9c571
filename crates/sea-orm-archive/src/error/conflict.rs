//! Conflicts with other rows.

use serde_json::Value as Json;

use super::list;
use crate::report::{ArchivalConflicts, Blocker, Conflict};

/// A conflict with other rows. A key or an identity is an object of its columns: `{"id": 42}`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConflictError {
    /// The row is archived.
    #[error("{table} {key} is archived, by archival {archival}: restore that first")]
    AlreadyArchived {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
        /// The archival of the row.
        archival: i64,
    },

    /// The row is active, so there is nothing to restore.
    #[error("{table} {key} is not archived: it is active")]
    NotArchived {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
    },

    /// The archive table has a row with the key of an active one: a new row was inserted with the key of an
    /// archived one.
    #[error(
        "{table} cannot be archived: {detail} ({constraint}). An archived row has that key{}; give the active row another one, or purge the archived one with archival::Entity::purge_by_id(..), which deletes everything of that archival",
        in_archivals(.archivals)
    )]
    DuplicateKey {
        /// The table of the root.
        table: String,
        /// The primary key of the archive table.
        constraint: String,
        /// What the database reports: the key and its values.
        detail: String,
        /// The archivals of the archived rows, at most 100 for each table. Empty where this role cannot read
        /// the archive tables, and where another transaction restored or purged them meanwhile.
        archivals: Vec<i64>,
    },

    /// Rows of a relation that is not declared cascade or detach refer to the tree.
    #[error("{table} cannot be archived: {}. Archive or delete those rows first, or declare the relation `#[archive(cascade)]` or `#[archive(detach)]`", list(.blockers))]
    Blocked {
        /// The table of the root.
        table: String,
        /// The rows that block the archive.
        blockers: Vec<Blocker>,
    },

    /// Active rows have the keys or unique values of archived rows, or parents of archived rows are missing.
    #[error("archival {archival} cannot be restored: {}", list(.conflicts))]
    Restore {
        /// The archival.
        archival: i64,
        /// Every conflict.
        conflicts: Vec<Conflict>,
    },

    /// Some of many archivals have conflicts, so none was restored.
    #[error("{} of the archivals cannot be restored, so none was: {}. Solve this first; `.skip_conflicts()` restores the others where each conflict names its archival", .archivals.len(), list(.archivals))]
    RestoreMany {
        /// The archivals with conflicts.
        archivals: Vec<ArchivalConflicts>,
    },

    /// What the archive moves could not be restored: rows violate a constraint that is NOT VALID, or a trigger of the
    /// application or the rights of the role would refuse them.
    #[error(
        "{table} cannot be archived, since a restore would fail: {message}. Change the rows, or the constraint, the trigger or the privileges that refuse them"
    )]
    NotRestorable {
        /// The table of the root.
        table: String,
        /// The constraint that the restore would violate; empty where it is not one.
        constraint: String,
        /// What the database reports: the table, the constraint or the trigger, and the values; with the call that
        /// suspends each trigger that may be the cause.
        message: String,
    },

    /// A trigger of the application raised an error.
    #[error("{table} cannot be moved: {} raised {code}: {message}. Change the rows as the trigger requires, or call manager.suspend_trigger(..) in a migration", .triggers.join(" or "))]
    Trigger {
        /// The table of the root.
        table: String,
        /// The triggers whose function raised it, each with its table: `the trigger keep on public.posts`.
        triggers: Vec<String>,
        /// The SQLSTATE.
        code: String,
        /// The message of the trigger.
        message: String,
    },

    /// The row was archived together with a parent, or its parent was archived too.
    #[error(
        "{table} {key} cannot be restored alone: it belongs to {parent_table} {parent_key}, which is in archival {archival}: restore archival {archival} first, \
         or this row below another parent with `.set(..)`, and `.as_part()` where it was archived with its parent"
    )]
    ParentArchived {
        /// The table of the row.
        table: String,
        /// The key of the row.
        key: Box<Json>,
        /// The table of the parent.
        parent_table: String,
        /// The key of the parent.
        parent_key: Box<Json>,
        /// The archival of the parent.
        archival: i64,
    },

    /// Rows of another tenant would be changed or removed too, or are in the way. They are not shown.
    #[error(
        "{table} has rows of another tenant that depend on this, so nothing was changed: an administrator has to move or delete those rows first"
    )]
    OtherTenant {
        /// The table that has them, as `schema.table`.
        table: String,
    },

    /// A hold keeps something from being purged, restored or dropped.
    #[error("{message}")]
    Held {
        /// What did not happen, and the holds.
        message: String,
        /// The archivals that are held themselves, or have a row that is.
        archivals: Vec<i64>,
        /// The ids of the holds.
        holds: Vec<i64>,
    },

    /// The row was changed since it was read.
    #[error(
        "{table} {key} was changed since it was read: it has lock version {found}, not {expected}; read it again, and decide again"
    )]
    LockVersion {
        /// The table.
        table: String,
        /// The key.
        key: Box<Json>,
        /// The lock version that was read.
        expected: i64,
        /// The lock version that the row has now.
        found: i64,
    },

    /// A version would be valid at the same time as another one of its identity.
    #[error(
        "{table} {identity} has a version for {existing}, which overlaps {wanted} ({constraint}): change that period with `.change(..).during(..)`, or choose a period that is free"
    )]
    Overlap {
        /// The history table.
        table: String,
        /// The identity.
        identity: Box<Json>,
        /// The constraint that two versions would violate.
        constraint: String,
        /// The requested period, half-open.
        wanted: String,
        /// The period of the version that exists, half-open.
        existing: String,
    },

    /// An identity has a version after the time at which it should end.
    #[error(
        "{table} {identity} cannot end at {at}: a later version starts at {starts}; end it later than that, or cancel that version while it is only scheduled"
    )]
    LaterVersion {
        /// The history table.
        table: String,
        /// The identity.
        identity: Box<Json>,
        /// When it should end.
        at: String,
        /// When the first of the later versions starts.
        starts: String,
    },

    /// Rows depend on the versions that would end, shrink or be deleted.
    #[error(
        "{table} has rows that depend on it ({constraint}): {detail}. Change or delete those rows first"
    )]
    DependentRows {
        /// The history table.
        table: String,
        /// The foreign key that they depend through.
        constraint: String,
        /// What the database reports: the row, the identity and the time.
        detail: String,
    },
}

/// `, in archival 7`; nothing where there is none.
fn in_archivals(archivals: &[i64]) -> String {
    let archivals: Vec<_> = archivals.iter().map(i64::to_string).collect();
    match archivals.len() {
        0 => String::new(),
        1 => format!(", in archival {}", archivals[0]),
        _ => format!(", in the archivals {}", archivals.join(", ")),
    }
}
