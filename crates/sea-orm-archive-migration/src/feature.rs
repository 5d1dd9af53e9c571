//! The features that follow a change of a table: a helper that has changed a table notifies them here, and nowhere else.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::{follow, register},
    audit, guard,
    history::{self, foreign_key},
    personal_data, retention, stamps, table_names, tenancy,
    work::Work,
};

/// Lets every feature follow `table`, whose columns, archive table or histories have changed: the temporal foreign keys, the
/// triggers on keys, the stamps, the functions of the audit log, the policies of tenancy, and the guards. A feature that the table does not use does
/// nothing.
///
/// The audit log comes before tenancy, because tenancy also attributes entries.
pub(crate) async fn changed(work: &Work, table: &TableId) -> Result<(), DbErr> {
    forget_dropped(work).await?;
    foreign_key::follow_renames(work).await?;
    follow::refresh(work, Some(table)).await?;
    if let Some(table) = work.table(&table.sql()).await? {
        stamps::refresh(work, &table).await?;
        audit::refresh(work, &table).await?;
        tenancy::refresh(work, &table.id).await?;
    }
    guard::refresh(work, table).await?;
    table_names::note(work).await
}

/// Removes from every register the tables that were dropped and whose name no table has: PostgreSQL may give their oids
/// to other tables later.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    foreign_key::forget_dropped(work).await?;
    history::register::forget_dropped(work).await?;
    register::forget_dropped(work).await?;
    retention::forget_dropped(work).await?;
    personal_data::forget_dropped(work).await?;
    guard::forget_dropped(work).await?;
    stamps::forget_dropped(work).await?;
    audit::forget_dropped(work).await
}
