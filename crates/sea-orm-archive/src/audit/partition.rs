//! Partitions of the log, made ahead of time.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::error::Error;
use crate::exec::check_backend;

/// Makes the log's partitions of this month and of the next `months`, 24 at most, and returns how many it made.
///
/// Call it once a day from a task of the application, whose role may do it after `grant_audit_maintenance`, and not in a
/// long transaction: where a partition is made, reads of the log wait until it ends. What was written while a partition was
/// missing is in the default partition, and moves. One statement: `SELECT archive.make_audit_partitions(months)`.
///
/// # Errors
///
/// [`SetupError::NotInstalled`], and the database's own: 55P03 where another transaction reads the log for more
/// than two seconds.
///
/// [`SetupError::NotInstalled`]: crate::error::SetupError::NotInstalled
pub async fn make_partitions<C: ConnectionTrait>(db: &C, months: u8) -> Result<u32, Error> {
    check_backend(db)?;
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT archive.make_audit_partitions($1) AS made",
        [i32::from(months).into()],
    );
    match db.query_one_raw(statement).await? {
        Some(row) => {
            let made: i32 = row.try_get("", "made")?;
            Ok(made.unsigned_abs())
        }
        None => Ok(0),
    }
}
