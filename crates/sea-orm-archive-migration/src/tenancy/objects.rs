//! The policies, triggers and foreign keys that tenancy adds to a table.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use super::register;
use crate::work::Work;

/// The policies that are ours.
pub(crate) const POLICIES: [&str; 3] = ["tenancy", "tenancy_administration", "tenancy_trusted"];

/// The triggers that are ours. PostgreSQL makes those of the rows on partitions.
pub(crate) const ROW_TRIGGERS: [&str; 3] =
    ["tenancy_guard", "tenancy_guard_given", "tenancy_guard_kept"];

/// The functions of temporal foreign keys run as the owner, with `row_security = off`, which is an error where the
/// owner is under policies itself. Under tenancy it sees what the session sees: whole identities with their versions, and
/// the rows that can refer to them.
pub(crate) async fn refresh_foreign_keys(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run_each(schema::tenancy::FOREIGN_KEYS, []).await
}
