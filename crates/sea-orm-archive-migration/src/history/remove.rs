//! Dropping a history.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_migration::DbErr;

use crate::{
    feature,
    history::{foreign_key, register},
    table_names,
    work::{Work, database_message},
};

/// Drops the history called `name`, if it exists, with all its versions.
pub(crate) async fn history(work: &Work, name: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return work
            .run_on_callers_path(&format!("DROP TABLE IF EXISTS {name}"))
            .await;
    }
    feature::forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    let was_replaced = register::take_over(work, &table.id).await?;
    table_names::accept(work, &table.id).await?;
    if register::find(work, &table.id).await?.is_none() {
        if was_replaced {
            // The history was dropped before, and the table that has its name now belongs to the application.
            return Ok(());
        }
        return Err(DbErr::Migration(format!(
            "{} is not registered as a history: drop it with `manager.drop_table(..)` if that is intended",
            table.id
        )));
    }
    foreign_key::refuse_dependents(work, &table.id).await?;
    refuse_held(work, &table.id).await?;
    register::remove(work, &table.id).await?;
    work.run(&format!("DROP TABLE {}", table.id.sql()))
        .await
        .map_err(|error| {
            DbErr::Migration(format!(
                "{} cannot be dropped while something depends on it: {}",
                table.id,
                database_message(&error)
            ))
        })
}

/// Refuses to drop the versions of an identity that is held.
async fn refuse_held(work: &Work, history: &TableId) -> Result<(), DbErr> {
    let forced = work
        .unforce_all(vec!["archive.archival".to_owned()])
        .await?;
    work.run_with(
        "SELECT archive.require_no_hold(ARRAY[h.history::oid, h.identity::oid], pg_catalog.format('%s was not dropped', $2::text))
         FROM archive.history_table AS h WHERE h.history = $1::bigint::oid",
        [history.oid.into(), history.to_string().into()],
    )
    .await?;
    work.force_all(forced).await
}
