//! What the policies of a restore change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Conflict;

/// A row that a policy of a restore changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowChange {
    /// The table, as `schema.table`.
    pub table: String,
    /// The primary key, by column.
    pub key: Value,
    /// The changed columns with their archived values.
    pub from: Value,
    /// The changed columns with their new values.
    pub to: Value,
}

/// A row that stays archived with the rows below it, while the others of its archival are restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stayed {
    /// The archival that the rows have now. A preview returns `None`: the archival is recorded by the restore.
    pub archival: Option<i64>,
    /// The table of the row, as `schema.table`.
    pub table: String,
    /// The primary key of the row, by column.
    pub key: Value,
    /// How many rows of which table stay: the row and those below it, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// What was in the way.
    pub conflicts: Vec<Conflict>,
}
