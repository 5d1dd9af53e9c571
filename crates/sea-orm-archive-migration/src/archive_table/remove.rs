//! Dropping a table together with its archive table, or the archive table alone.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table, TableId};
use sea_orm_migration::DbErr;

use crate::{archive_table::register, feature, name::quote, table_names, work::Work};

/// What [`drop_archived_table`](crate::ArchiveSchema::drop_archived_table) dropped with a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct DroppedTable {
    /// How many rows the archive table had.
    pub archived_rows: u64,
    /// How many archivals these rows belong to. Their other rows can still be restored.
    pub archivals: u64,
}

/// Drops the table called `name` and its archive table, if they exist, with all their rows.
pub(crate) async fn both(work: &Work, name: &str) -> Result<DroppedTable, DbErr> {
    if !register::is_installed(work).await? {
        work.run_on_callers_path(&format!("DROP TABLE IF EXISTS {name}"))
            .await?;
        return Ok(DroppedTable::default());
    }
    let Some(active) = work.table(name).await? else {
        feature::forget_dropped(work).await?;
        return Ok(DroppedTable::default());
    };
    feature::forget_dropped(work).await?;
    table_names::follow(work, &active.id).await?;
    refuse_held(work, &active.id).await?;
    let active = work.existing_table(&active.id.sql()).await?;
    let dropped = match &active.archive_table {
        Some(archive_table) => rows(work, &active, archive_table).await?,
        None => DroppedTable::default(),
    };
    register::remove(work, &active.id).await?;
    let tables: Vec<_> = std::iter::once(active.id.sql())
        .chain(
            active
                .archive_table
                .iter()
                .map(|archive_table| archive_table.id.sql()),
        )
        .collect();
    work.run(&format!("DROP TABLE {}", tables.join(", ")))
        .await?;
    feature::changed(work, &active.id).await?;
    Ok(dropped)
}

/// Refuses to drop a table that is held, or that has rows of an archival that is.
async fn refuse_held(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let forced = work
        .unforce_all(vec!["archive.archival".to_owned()])
        .await?;
    work.run_with(
        "SELECT archive.require_no_hold(ARRAY[$1::bigint::oid], pg_catalog.format('%s was not dropped', $2::text))",
        [table.oid.into(), table.to_string().into()],
    )
    .await?;
    work.force_all(forced).await
}

/// The archived rows of a table.
async fn rows(
    work: &Work,
    active: &Table,
    archive_table: &ArchiveTable,
) -> Result<DroppedTable, DbErr> {
    let name = archive_table.id.sql();
    // Race: a row that is archived after the count would be dropped and not counted.
    work.run(&format!(
        "LOCK TABLE {}, {name} IN ACCESS EXCLUSIVE MODE",
        active.id.sql()
    ))
    .await?;
    // Both tables are dropped, so row-level security need not be forced again.
    work.unforce(&name).await?;
    let sql = format!(
        "SELECT pg_catalog.count(*) AS archived_rows, pg_catalog.count(DISTINCT t.{}) AS archivals FROM {name} AS t",
        quote(&archive_table.archival_id)
    );
    let counts = work.row(&sql, []).await?;
    let count = |column: &str| -> Result<u64, DbErr> {
        Ok(counts.try_get::<i64>("", column)?.unsigned_abs())
    };
    Ok(DroppedTable {
        archived_rows: count("archived_rows")?,
        archivals: count("archivals")?,
    })
}

/// Drops the archive table of the table called `name`, if it has one, and only if it is empty.
pub(crate) async fn archive_table(work: &Work, name: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let Some(active) = work.table(name).await? else {
        return feature::forget_dropped(work).await;
    };
    feature::forget_dropped(work).await?;
    table_names::follow(work, &active.id).await?;
    let active = work.existing_table(&active.id.sql()).await?;
    match &active.archive_table {
        Some(archive_table) => drop_empty(work, &active, archive_table).await,
        None => Ok(()),
    }
}

async fn drop_empty(
    work: &Work,
    active: &Table,
    archive_table: &ArchiveTable,
) -> Result<(), DbErr> {
    let name = archive_table.id.sql();
    // Race: a row that is archived after the count would be dropped.
    work.run(&format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
        .await?;
    let rows = work.count(&name, "true").await?;
    if rows > 0 {
        return Err(DbErr::Migration(format!(
            "{} still holds {rows} archived rows of {}, which dropping it would lose: restore or delete them first",
            archive_table.id, active.id
        )));
    }
    register::remove(work, &active.id).await?;
    work.run(&format!("DROP TABLE {name}")).await?;
    feature::changed(work, &active.id).await
}
