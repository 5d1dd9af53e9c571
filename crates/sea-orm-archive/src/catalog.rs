//! Reads the descriptions of tables.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive_postgres::catalog::{Table, UniqueIndex};
use sea_orm_archive_postgres::schema::{VERSION, Version};

use crate::error::{Error, SetupError, unexpected_answer};

/// Reads the tables that `names` resolve to, in their order; `None` where there is no such table.
///
/// A name is SQL text, quoted as needed: `"Posts"`, `shop.orders`. One statement, for any
/// number of tables.
///
/// # Errors
///
/// [`SetupError::NotInstalled`] where `install_archive` has not run, [`Error::Database`] otherwise.
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

/// The number that changes when a table among `names` changes. Every plan reads it, so the version of the installed
/// schema is checked here.
pub(crate) async fn fingerprint<C: ConnectionTrait>(
    db: &C,
    names: &[String],
) -> Result<i64, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT archive.fingerprint($1) AS fingerprint, archive.schema_version() AS version",
        [names.to_vec().into()],
    );
    let Some(row) = db.query_one_raw(statement).await? else {
        return Err(unexpected_answer("archive.fingerprint returned no row"));
    };
    check_version(row.try_get("", "version")?)?;
    Ok(row.try_get("", "fingerprint")?)
}

/// Refuses an installed schema `archive` of a version that this release does not support.
pub(crate) fn check_version(installed: i32) -> Result<(), Error> {
    let installed = Version::from(installed);
    match VERSION.works_on(installed) {
        true => Ok(()),
        false => Err(SetupError::SchemaVersion { installed }.into()),
    }
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
