//! What two rows of a table may not have in common.

use serde::Deserialize;

/// A unique index or an exclusion constraint.
#[derive(Clone, Debug, Deserialize)]
pub struct UniqueIndex {
    /// The oid of its table.
    pub table: i64,
    /// Its name, which is the name of its constraint too.
    pub name: String,
    /// It is the primary key.
    pub primary: bool,
    /// NULLS NOT DISTINCT.
    pub nulls_equal: bool,
    /// The rows it is about, as SQL over the columns; `None` for all.
    pub predicate: Option<String>,
    /// Its columns and expressions.
    pub parts: Vec<IndexPart>,
}

impl UniqueIndex {
    /// There is nothing in its SQL that a `search_path` gives a meaning.
    pub fn has_columns_only(&self) -> bool {
        self.predicate.is_none() && self.parts.iter().all(|part| part.is_column)
    }
}

/// A column or an expression of an index.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexPart {
    /// What people call it.
    pub name: String,
    /// The SQL of it, over the columns of the table.
    pub expression: String,
    /// It is a column. False where an earlier version installed the query: then nobody knows.
    #[serde(default)]
    pub is_column: bool,
    /// The operator by which two rows are in each other's way.
    pub operator: String,
}
