//! What previews and restores return: the rows that move, and what is in the way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// One thing in the way of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Conflict {
    /// An active row has the values that a unique index or an exclusion constraint guards.
    Unique {
        /// The table, as `schema.table`.
        table: String,
        /// The index, which has the name of its constraint.
        constraint: String,
        /// The key of the archived row.
        key: Value,
        /// The guarded columns and expressions with the values of the archived row.
        values: Value,
        /// The key of the active row in the way.
        holder: Value,
    },
    /// An active row has the primary key of an archived one.
    KeyTaken {
        /// The table, as `schema.table`.
        table: String,
        /// The name of the primary key.
        constraint: String,
        /// The key.
        key: Value,
    },
    /// A row that the archived one refers to does not exist in the active table.
    MissingParent {
        /// The table of the archived row, as `schema.table`.
        table: String,
        /// The foreign key.
        constraint: String,
        /// The key of the archived row.
        key: Value,
        /// The table that it refers to.
        parent_table: String,
        /// The columns and values that it refers to.
        parent_key: Value,
        /// The archival of the missing row; `None` where it is in no archive table.
        archival: Option<i64>,
    },
    /// A row that row-level security hides, for example one of another tenant, has the values that a unique
    /// index or an exclusion constraint guards. It is not shown.
    Unseen {
        /// The table, as `schema.table`.
        table: String,
        /// The index, which has the name of its constraint.
        constraint: String,
    },
    /// A constraint that the archived rows do not satisfy.
    Violated {
        /// The table, as the database names it.
        table: String,
        /// The name of the constraint or column.
        constraint: String,
        /// What the database reports.
        message: String,
    },
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unique {
                table,
                constraint,
                key,
                values,
                holder,
            } => write!(
                f,
                "{table} {key}: {values} is taken by the active row {holder} ({constraint}); change or archive that row"
            ),
            Self::KeyTaken {
                table,
                constraint,
                key,
            } => write!(
                f,
                "{table} {key}: an active row has this key ({constraint}); delete that row, or change its key"
            ),
            Self::MissingParent {
                table,
                constraint,
                key,
                parent_table,
                parent_key,
                archival,
            } => {
                write!(
                    f,
                    "{table} {key}: {parent_table} {parent_key} is missing ({constraint}); "
                )?;
                match archival {
                    Some(archival) => write!(f, "restore archival {archival} first"),
                    None => write!(
                        f,
                        "no archive table that this role may read has it: insert it again"
                    ),
                }
            }
            Self::Unseen { table, constraint } => write!(
                f,
                "{table}: a row that this role may not see has the values of an archived one ({constraint}); give the archived row other values, or ask an administrator"
            ),
            Self::Violated {
                table,
                constraint,
                message,
            } => {
                write!(
                    f,
                    "{table}: {message} ({constraint}); change the constraint or the archived rows"
                )
            }
        }
    }
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
}

impl Restored {
    /// Compares what was restored with what the record lists. A table that was renamed has the same number of rows
    /// under another name.
    pub(crate) fn count_missing(&mut self) {
        let mut found = self.rows.clone();
        for waiting in &self.waiting {
            *found.entry(waiting.table.clone()).or_default() += waiting.rows;
        }
        let mut archived = self.archival.rows();
        for (table, rows) in self.together.iter().flat_map(|archival| archival.rows()) {
            *archived.entry(table).or_default() += rows;
        }
        let mut renamed: Vec<u64> = found
            .iter()
            .filter(|(table, _)| !archived.contains_key(*table))
            .map(|(_, rows)| *rows)
            .collect();
        self.missing = BTreeMap::new();
        for (table, rows) in archived {
            let Some(missing) = rows.checked_sub(found.get(&table).copied().unwrap_or_default())
            else {
                continue;
            };
            if let Some(n) = renamed.iter().position(|rows| *rows == missing) {
                renamed.remove(n);
            } else if missing > 0 {
                self.missing.insert(table, missing);
            }
        }
    }
}

/// What a purge deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purged {
    /// The archival, with `purged_at` set.
    pub archival: crate::archival::Model,
    /// How many rows of which table were deleted from its archive table, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
}
