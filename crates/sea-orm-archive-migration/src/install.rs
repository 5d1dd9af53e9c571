//! The ledger, the register and the functions of the schema `archive`.

use sea_orm_migration::DbErr;

use crate::{name::quote, register, work::Work};

/// Creates what is not there yet, and replaces the functions.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    work.run(include_str!("sql/ledger.sql")).await?;
    work.run(include_str!("sql/functions.sql")).await?;
    register::forget_dropped(work).await
}

/// Drops what [`install`] created, unless a twin still holds archived rows.
pub(crate) async fn uninstall(work: &Work) -> Result<(), DbErr> {
    if register::is_installed(work).await? {
        register::forget_dropped(work).await?;
        for twin in register::twins(work).await? {
            refuse_rows(work, &twin).await?;
        }
    }
    work.run(include_str!("sql/uninstall.sql")).await
}

async fn refuse_rows(work: &Work, twin: &str) -> Result<(), DbErr> {
    work.run(&format!("LOCK TABLE {twin} IN ACCESS EXCLUSIVE MODE"))
        .await?;
    let rows = work.count(twin, "true").await?;
    if rows == 0 {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{twin} still holds {rows} archived rows, which could not be restored without the ledger: restore or delete \
         them, or drop their table with `manager.drop_archived_table(..)`, first"
    )))
}

/// Lets `role` archive and restore what its grants on the tables allow.
pub(crate) async fn grant(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&include_str!("sql/grant.sql").replace("{role}", &quote(role)))
        .await
}

/// Takes back what [`grant`] gave.
pub(crate) async fn revoke(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&include_str!("sql/revoke.sql").replace("{role}", &quote(role)))
        .await
}
