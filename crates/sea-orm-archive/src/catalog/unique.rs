//! What two rows of a table may not have in common.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::Deserialize;

use crate::error::{Error, unexpected_answer};

/// A unique index or an exclusion constraint.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UniqueIndex {
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
pub(crate) struct IndexPart {
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

/// Reads the indexes of the tables with these oids.
pub(crate) async fn unique_indexes<C: ConnectionTrait>(
    db: &C,
    tables: &[i64],
) -> Result<Vec<UniqueIndex>, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT archive.describe_unique_indexes($1::bigint[]::pg_catalog.oid[]) AS indexes",
        [tables.to_vec().into()],
    );
    let Some(row) = db.query_one_raw(statement).await? else {
        return Ok(Vec::new());
    };
    let indexes: serde_json::Value = row.try_get("", "indexes")?;
    serde_json::from_value(indexes).map_err(unexpected_answer)
}
