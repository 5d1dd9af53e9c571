//! Creates partitions of the audit log in advance.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::error::Error;
use crate::exec::check_backend;

/// Creates the log's partitions of this month and of the next `months`, 24 at most, and returns how many it created.
///
/// Call it once a day from a task of the application; `grant_audit_maintenance` gives its role the privilege.
/// Do not call it in a long transaction: where a partition is created, reads of the log wait until the
/// transaction ends. Entries that were written while a partition was missing are in the default partition, and
/// move to the new one. One statement: `SELECT archive.make_audit_partitions(months)`.
///
/// # Errors
///
/// [`SetupError::NotInstalled`], and those of the database: 55P03 where another transaction reads the log for
/// more than two seconds.
///
/// [`SetupError::NotInstalled`]: crate::error::SetupError::NotInstalled
pub async fn make_partitions<C: ConnectionTrait>(db: &C, months: u8) -> Result<u32, Error> {
    check_backend(db)?;
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT archive.make_audit_partitions($1) AS created",
        [i32::from(months).into()],
    );
    match db.query_one_raw(statement).await? {
        Some(row) => {
            let created: i32 = row.try_get("", "created")?;
            Ok(created.unsigned_abs())
        }
        None => Ok(0),
    }
}
