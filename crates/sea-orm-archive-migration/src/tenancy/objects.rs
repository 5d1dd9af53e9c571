//! The policies, triggers and foreign keys that tenancy adds to a table.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use super::register;
use crate::work::Work;

/// The policies that tenancy creates.
pub(crate) const POLICIES: [&str; 3] = ["tenancy", "tenancy_administration", "tenancy_trusted"];

/// The row triggers that tenancy creates. PostgreSQL creates them on partitions.
pub(crate) const ROW_TRIGGERS: [&str; 3] = [
    "tenancy_guard",
    "tenancy_guard_given",
    "tenancy_guard_archived",
];

/// Sets `row_security` of the functions of temporal foreign keys: on under tenancy, and off elsewhere. They run as their
/// owner, to whom the policies of tenancy apply, so that off would be an error. They see what the session sees: whole
/// identities with their versions, and the rows that can refer to them.
pub(crate) async fn refresh_foreign_keys(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run_each(schema::tenancy::FOREIGN_KEYS, []).await
}
