//! Installing the log, and the privileges on it.

use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::privileges,
    audit::{apply, partition, register},
    name::quote,
    tenancy,
    work::Work,
};

/// The number of months after this one for which `install_audit` creates partitions.
const MONTHS: i32 = 3;

/// Creates what does not exist yet, replaces the functions, and creates the first partitions.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    crate::archive_table::register::require(work).await?;
    let before = privileges::objects(work).await?;
    work.run(schema::audit::INSTALL).await?;
    work.run(schema::audit::STATEMENT).await?;
    work.run(schema::audit::NAMES).await?;
    work.run(schema::audit::RETENTION).await?;
    partition::create(work, MONTHS).await?;
    privileges::make_private(work, before).await?;
    apply::refresh_all(work).await?;
    tenancy::protect_shared(work).await
}

/// Drops the log with all its entries.
pub(crate) async fn uninstall(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    apply::forget_dropped(work).await?;
    if let Some(table) = register::tables(work).await?.first() {
        return Err(DbErr::Migration(format!(
            "{} is still audited: call `manager.unaudit_table(..)` for it first",
            table.name
        )));
    }
    work.run("SELECT archive.require_no_hold(NULL, 'the audit log was not uninstalled')")
        .await?;
    work.run(schema::audit::UNINSTALL).await
}

/// Lets `role` read the log, and nothing else.
pub(crate) async fn grant(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&fill(schema::audit::GRANT, [("role", quote(role))]))
        .await
}

/// Takes back what [`grant`] gave.
pub(crate) async fn revoke(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&fill(schema::audit::REVOKE, [("role", quote(role))]))
        .await
}

/// Lets `role` create partitions of the log and drop expired ones, and nothing else.
pub(crate) async fn grant_maintenance(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    let sql = schema::audit::MAINTENANCE_GRANT;
    work.run(&fill(sql, [("role", quote(role))])).await
}

/// Takes back what [`grant_maintenance`] gave.
pub(crate) async fn revoke_maintenance(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let sql = schema::audit::MAINTENANCE_REVOKE;
    work.run(&fill(sql, [("role", quote(role))])).await
}
