//! What PostgreSQL says of the tables: the truth that plans, SQL, checks and migrations share.

mod difference;
mod table;
mod unique;

pub use difference::{Difference, differences, list};
pub use table::{
    Column, Exclusion, ForeignKey, ForeignKeyColumn, Form, KeyColumn, OnDelete, RowTrigger, Table,
    TableId, Twin,
};

pub(crate) use unique::{IndexPart, UniqueIndex, unique_indexes};

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::error::{Error, unexpected_answer};

/// The bodies of the functions that describe tables and unique indexes, for the migration that creates them.
#[doc(hidden)]
pub const BODIES: [&str; 2] = [include_str!("read.sql"), include_str!("unique.sql")];

/// Reads the tables that `names` resolve to, in their order; `None` where there is no such table.
///
/// A name is SQL text, quoted as needed: `"Posts"`, `shop.orders`. One statement, whatever the
/// number of tables.
///
/// # Errors
///
/// [`SetupError::NotInstalled`] where `install_archive` has not run, [`Error::Database`] otherwise.
///
/// [`SetupError::NotInstalled`]: crate::error::SetupError::NotInstalled
pub async fn read<C: ConnectionTrait>(
    db: &C,
    names: &[String],
) -> Result<Vec<Option<Table>>, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT archive.describe($1) AS tables",
        [names.to_vec().into()],
    );
    let tables: serde_json::Value = match db.query_one_raw(statement).await? {
        Some(row) => row.try_get("", "tables")?,
        None => return Ok(Vec::new()),
    };
    serde_json::from_value(tables).map_err(unexpected_answer)
}

/// The number that changes when a table among `names` changes.
pub(crate) async fn fingerprint<C: ConnectionTrait>(
    db: &C,
    names: &[String],
) -> Result<i64, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT archive.fingerprint($1) AS fingerprint",
        [names.to_vec().into()],
    );
    match db.query_one_raw(statement).await? {
        Some(row) => Ok(row.try_get("", "fingerprint")?),
        None => Err(unexpected_answer("archive.fingerprint gave no row")),
    }
}
