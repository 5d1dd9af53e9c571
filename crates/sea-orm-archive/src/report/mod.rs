//! What previews and restores return: the rows that move, and what is in the way.

mod change;
mod conflict;
mod purge;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use change::{RowChange, Stayed};
pub use conflict::{ArchivalConflicts, Conflict};
pub use purge::{ExpiredPolicy, Purged, PurgedExpired, PurgedMany};

/// What an archive would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivePreview {
    /// How many roots there are.
    pub roots: u64,
    /// How many rows of which table would move, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// The rows that block the archive; empty where none do.
    pub blockers: Vec<Blocker>,
    /// The links that would be set to NULL until the restore.
    pub detached: Vec<Detachment>,
    /// Rows of the tree whose key an archived row has: they cannot be archived before that archival is restored or purged.
    #[serde(default)]
    pub archived_keys: Vec<ArchivedKeys>,
}

/// Rows that block an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The table of the rows, as `schema.table`.
    pub table: String,
    /// The foreign key by which they refer to the tree.
    pub constraint: String,
    /// How many rows there are.
    pub rows: u64,
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            table,
            constraint,
            rows,
        } = self;
        write!(
            f,
            "{rows} row(s) of {table} refer to it (constraint {constraint})"
        )
    }
}

/// Rows that stay and lose a link until the restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detachment {
    /// The table of the rows, as `schema.table`.
    pub table: String,
    /// The foreign key that would be set to NULL.
    pub constraint: String,
    /// How many rows there are.
    pub rows: u64,
}

/// Rows that have the key of an archived row: they were inserted again after it was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArchivedKeys {
    /// The table of the rows, as `schema.table`.
    pub table: String,
    /// How many rows there are.
    pub rows: u64,
    /// The archivals of the archived rows, at most 100 of them.
    pub archivals: Vec<i64>,
}

/// What an archive and its restore would do, and how the restored rows would differ from those before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rehearsal {
    /// How many archivals were rehearsed.
    pub archivals: u64,
    /// How many rows of which table would move, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// Rows that would not come back as they are now. At most 100 for each table and archival.
    pub differences: Vec<RowDifference>,
    /// Why the archive, or its restore, would be refused: the message of the error.
    pub refused: Option<String>,
    /// Rows of other tables that triggers insert, update or delete meanwhile, such as a log or a total.
    pub other_tables: Vec<ChangedTable>,
}

impl Rehearsal {
    /// Whether every row of the tree comes back as it is now.
    pub fn is_exact(&self) -> bool {
        self.refused.is_none() && self.differences.is_empty()
    }
}

/// A row that a restore would give back otherwise than it was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowDifference {
    /// The table, as `schema.table`.
    pub table: String,
    /// The primary key, by column.
    pub key: Value,
    /// The columns that differ, with the archived values; NULL for a row that a trigger adds.
    #[serde(default)]
    pub archived: Value,
    /// The columns that differ, with the restored values; NULL for a row that would be missing.
    #[serde(default)]
    pub restored: Value,
}

/// A table outside the tree whose rows change while the tree moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangedTable {
    /// The table, as `schema.table`.
    pub table: String,
    /// How many rows were inserted.
    pub inserted: i64,
    /// How many rows were updated.
    pub updated: i64,
    /// How many rows were deleted.
    pub deleted: i64,
}

/// What a restore would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePreview {
    /// The archival that would be restored.
    pub archival: i64,
    /// How many rows of which table would be restored, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// Rows that would stay archived until another of their parents is restored.
    pub waiting: Vec<Waiting>,
    /// What is in the way of the restore; empty where nothing is.
    pub conflicts: Vec<Conflict>,
    /// Detached links that the restore would not set again.
    #[serde(default)]
    pub not_relinked: Vec<LostLink>,
    /// The archivals that would be restored together with this one: their roots and the root of this one refer to each
    /// other, so that none can be restored before another. `rows` includes theirs.
    #[serde(default)]
    pub together: Vec<i64>,
    /// The rows that a policy of the restore would change, at most 100 for each change and table.
    #[serde(default)]
    pub changes: Vec<RowChange>,
    /// With `skip_conflicting()` the rows that would stay archived.
    #[serde(default)]
    pub stayed: Vec<Stayed>,
    /// With `with_parents()` the archivals that would be restored before this one, in this order.
    #[serde(default)]
    pub parents: Vec<RestorePreview>,
}

/// A foreign key that was set to NULL while its parent was archived or deleted, and that a restore does not set
/// again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostLink {
    /// The table of the row that had the link, as `schema.table`.
    pub table: String,
    /// The foreign key.
    pub constraint: String,
    /// The primary key of that row, by column.
    pub key: Value,
    /// The columns of the foreign key and what they contained.
    pub link: Value,
    /// Why it is not set again.
    pub reason: LostLinkReason,
}

/// Why a link is not set again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LostLinkReason {
    /// The row refers to another parent now, or a column of the foreign key that cannot be NULL has another
    /// value now. The link is dropped.
    OtherLink,
    /// The row was deleted for good, and another row has its key. That row does not get the link, which stays in
    /// `archive.detached_link`.
    RowDeleted,
    /// No row has the key, in the table or in its archive table, or row-level security hides it. The link stays in
    /// `archive.detached_link`.
    RowMissing,
    /// Two rows have the key, one active and one archived. The link stays in `archive.detached_link`.
    KeyTaken,
    /// The row belongs to another tenant. The link stays in `archive.detached_link`.
    OtherTenant,
    /// The archival has no row that the link refers to. The link stays in `archive.detached_link`.
    ParentMissing,
    /// The parent of an archived row was deleted for good, and the foreign key is ON DELETE SET NULL: the row is
    /// restored with NULL.
    ParentDeleted,
}

/// Rows that stay in the archive until another parent is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The table of the rows, as `schema.table`.
    pub table: String,
    /// The archival of the parent that they wait for; they now belong to it, too.
    pub archival: i64,
    /// How many rows there are.
    pub rows: u64,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    /// The archival, with `restored_at` set.
    pub archival: crate::archival::Model,
    /// How many rows of which table were restored, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// How many detached links were set again.
    pub relinked: u64,
    /// Detached links that were not set again.
    #[serde(default)]
    pub not_relinked: Vec<LostLink>,
    /// Rows that stay archived until another of their parents is restored.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
    /// How many rows of which table were archived and are no longer there, by the name of the table at the archive:
    /// the table was dropped, the rows were deleted from the archive table with plain SQL, or they were deferred to
    /// another archival before. Empty where everything came back.
    #[serde(default)]
    pub missing: BTreeMap<String, u64>,
    /// The archivals that were restored together with this one: their roots and the root of this one refer to each other, so
    /// that none can be restored before another. `rows` includes theirs.
    #[serde(default)]
    pub together: Vec<crate::archival::Model>,
    /// The rows that a policy of the restore changed, at most 100 for each change and table.
    #[serde(default)]
    pub changes: Vec<RowChange>,
    /// With `skip_conflicting()` the rows that stay archived.
    #[serde(default)]
    pub stayed: Vec<Stayed>,
    /// With `with_parents()` what was restored before this archival, in this order.
    #[serde(default)]
    pub parents: Vec<Restored>,
}

/// Compares what was restored with what the records list. A table that was renamed has the same number of rows under another
/// name.
pub(crate) fn missing(
    archivals: &[crate::archival::Model],
    rows: &BTreeMap<String, u64>,
    waiting: &[Waiting],
    stayed: &[Stayed],
) -> BTreeMap<String, u64> {
    let mut found = rows.clone();
    for (table, rows) in stayed.iter().flat_map(|stayed| &stayed.rows) {
        *found.entry(table.clone()).or_default() += rows;
    }
    for waiting in waiting {
        *found.entry(waiting.table.clone()).or_default() += waiting.rows;
    }
    let mut archived: BTreeMap<String, u64> = BTreeMap::new();
    for (table, rows) in archivals.iter().flat_map(|archival| archival.rows()) {
        *archived.entry(table).or_default() += rows;
    }
    let mut renamed: Vec<u64> = found
        .iter()
        .filter(|(table, _)| !archived.contains_key(*table))
        .map(|(_, rows)| *rows)
        .collect();
    let mut all = BTreeMap::new();
    for (table, rows) in archived {
        let Some(missing) = rows.checked_sub(found.get(&table).copied().unwrap_or_default()) else {
            continue;
        };
        if let Some(n) = renamed.iter().position(|rows| *rows == missing) {
            renamed.remove(n);
        } else if missing > 0 {
            all.insert(table, missing);
        }
    }
    all
}

/// What a restore of many archivals did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredMany {
    /// The archivals, with `restored_at` set, in the order of their ids.
    pub archivals: Vec<crate::archival::Model>,
    /// How many rows of which table were restored, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// How many detached links were set again.
    pub relinked: u64,
    /// Detached links that were not set again.
    pub not_relinked: Vec<LostLink>,
    /// Rows that stay archived until another of their parents is restored.
    pub waiting: Vec<Waiting>,
    /// How many rows of which table were archived and are no longer there, as in [`Restored::missing`], of all archivals together:
    /// a row that one of them got from another archival can make up for one that is missing.
    pub missing: BTreeMap<String, u64>,
    /// With `skip_conflicts()` the archivals that stay archived, each with its conflicts.
    pub skipped: Vec<ArchivalConflicts>,
    /// As [`Restored::changes`].
    #[serde(default)]
    pub changes: Vec<RowChange>,
    /// As [`Restored::stayed`].
    #[serde(default)]
    pub stayed: Vec<Stayed>,
}

impl RestoredMany {
    /// Adds what another statement restored.
    pub(crate) fn add(&mut self, other: Self) {
        self.archivals.extend(other.archivals);
        self.archivals.sort_by_key(|archival| archival.id);
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
        self.relinked += other.relinked;
        self.not_relinked.extend(other.not_relinked);
        self.waiting.extend(other.waiting);
        for (table, rows) in other.missing {
            *self.missing.entry(table).or_default() += rows;
        }
        self.skipped.extend(other.skipped);
        self.changes.extend(other.changes);
        self.stayed.extend(other.stayed);
    }
}

/// What a restore of many archivals would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoreManyPreview {
    /// The archivals that would be restored together, in the order of their ids.
    pub archivals: Vec<i64>,
    /// How many rows of which table they have, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// Rows that would stay archived until another of their parents is restored.
    pub waiting: Vec<Waiting>,
    /// The archivals with conflicts. Without `skip_conflicts()` they prevent the whole restore.
    pub conflicts: Vec<ArchivalConflicts>,
    /// Detached links that the restore would not set again.
    pub not_relinked: Vec<LostLink>,
    /// As [`RestorePreview::changes`].
    #[serde(default)]
    pub changes: Vec<RowChange>,
    /// As [`RestorePreview::stayed`].
    #[serde(default)]
    pub stayed: Vec<Stayed>,
}

impl RestoreManyPreview {
    /// Adds what another statement would restore.
    pub(crate) fn add(&mut self, other: Self) {
        self.archivals.extend(other.archivals);
        self.archivals.sort_unstable();
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
        self.waiting.extend(other.waiting);
        self.conflicts.extend(other.conflicts);
        self.changes.extend(other.changes);
        self.stayed.extend(other.stayed);
        self.not_relinked.extend(other.not_relinked);
    }
}
