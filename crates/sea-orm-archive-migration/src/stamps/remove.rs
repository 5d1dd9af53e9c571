//! Removing the stamps of a table.

use sea_orm_migration::DbErr;

use crate::{
    feature,
    stamps::{columns, register},
    table_names,
    work::Work,
};

/// Stops stamping the table called `name`, if it is stamped. The columns stay.
pub(crate) async fn unstamp(work: &Work, name: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    feature::forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    register::take_over(work, &table.id).await?;
    table_names::accept(work, &table.id).await?;
    let Some(registered) = register::find(work, &table.id).await? else {
        return Ok(());
    };
    columns::drop_defaults(work, &table, &registered).await?;
    register::remove(work, &registered).await
}
