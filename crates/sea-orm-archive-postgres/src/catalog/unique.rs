//! Unique indexes and exclusion constraints.

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
    /// The predicate of a partial index, as SQL over the columns; `None` where it covers all rows.
    pub predicate: Option<String>,
    /// Its columns and expressions.
    pub parts: Vec<IndexPart>,
}

impl UniqueIndex {
    /// Whether it has only columns, so that its SQL does not depend on a `search_path`.
    pub fn has_columns_only(&self) -> bool {
        self.predicate.is_none() && self.parts.iter().all(|part| part.is_column)
    }

    /// Whether two rows conflict where all parts are equal, so that they can be compared by hashes.
    pub fn is_equality(&self) -> bool {
        self.parts.iter().all(|part| part.operator.ends_with(".=)"))
    }
}

/// A column or an expression of an index.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexPart {
    /// The name of the column, or the expression as SQL.
    pub name: String,
    /// The SQL of it, over the columns of the table.
    pub expression: String,
    /// It is a column. False where an earlier version of the schema is installed, whose query does not return it.
    #[serde(default)]
    pub is_column: bool,
    /// The operator that compares two rows: they conflict where it is true for every part.
    pub operator: String,
}
