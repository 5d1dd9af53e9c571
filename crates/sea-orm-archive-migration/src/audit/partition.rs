//! The monthly partitions of the log.

use sea_orm_migration::DbErr;

use crate::{audit::register, work::Work};

/// Creates the partitions of this month and of the next `months`.
pub(crate) async fn create(work: &Work, months: i32) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run_with("SELECT archive.make_audit_partitions($1)", [months.into()])
        .await
}

/// Drops every partition whose month ended before the month of `before`, which is a date as PostgreSQL reads it, and
/// deletes the entries of these months from the default partition. Rows as of an earlier time can no longer be read.
pub(crate) async fn drop_before(work: &Work, before: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run_with(
        "SELECT archive.drop_audit_before(($1::date)::timestamp AT TIME ZONE 'UTC')",
        [before.into()],
    )
    .await
}
