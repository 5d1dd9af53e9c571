//! What is in the way of a restore.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing in the way of a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Conflict {
    /// Another row has the values that a unique index or an exclusion constraint guards.
    Unique {
        /// The table, as `schema.table`.
        table: String,
        /// The index, which has the name of its constraint.
        constraint: String,
        /// The key of the archived row.
        key: Value,
        /// The guarded columns and expressions with the values of the archived row.
        values: Value,
        /// The key of the row in the way.
        holder: Value,
        /// The archival of that row, where it is archived and the same call would restore it; `None` where it is active.
        #[serde(default)]
        archival: Option<i64>,
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
                archival,
            } => match archival {
                None => write!(
                    f,
                    "{table} {key}: {values} is taken by the active row {holder} ({constraint}); change or archive that row"
                ),
                Some(archival) => write!(
                    f,
                    "{table} {key}: the archived row {holder} of archival {archival} has {values} too ({constraint}); restore one of the two"
                ),
            },
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
                let remedy = match archival {
                    Some(archival) => format!("restore archival {archival} first"),
                    None => {
                        "no archive table that this role may read has it: insert it again".into()
                    }
                };
                write!(
                    f,
                    "{table} {key}: {parent_table} {parent_key} is missing ({constraint}); {remedy}"
                )
            }
            Self::Unseen { table, constraint } => write!(
                f,
                "{table}: a row that this role may not see has the values of an archived one ({constraint}); give the archived row other values, or ask an administrator"
            ),
            Self::Violated {
                table,
                constraint,
                message,
            } => write!(
                f,
                "{table}: {message} ({constraint}); change the constraint or the archived rows, or ask an administrator where they need a row that this role may not see"
            ),
        }
    }
}

/// The conflicts of one archival in a restore of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivalConflicts {
    /// The archival; `None` for a constraint that only the move itself checks, where the database reports no row.
    pub archival: Option<i64>,
    /// Its conflicts.
    pub conflicts: Vec<Conflict>,
}

impl std::fmt::Display for ArchivalConflicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.archival {
            Some(archival) => write!(f, "archival {archival}: ")?,
            None => write!(f, "one of the archivals: ")?,
        }
        let conflicts: Vec<_> = self.conflicts.iter().map(ToString::to_string).collect();
        f.write_str(&conflicts.join("; "))
    }
}
