//! `archive.guarded_table`: the guarded tables.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_migration::DbErr;

use super::Guard;
use crate::work::Work;

/// A guarded table.
#[derive(Clone, Debug)]
pub(crate) struct Guarded {
    pub(crate) id: i32,
    pub(crate) catches: bool,
    /// The table as SQL text; empty where it was dropped.
    pub(crate) table: String,
}

impl Guarded {
    /// The trigger function of the table and its partitions.
    pub(crate) fn function(&self) -> String {
        format!("archive.guard_{}", self.id)
    }
}

/// Whether the register exists.
async fn is_installed(work: &Work) -> Result<bool, DbErr> {
    let sql = "SELECT pg_catalog.to_regclass('archive.guarded_table') IS NOT NULL AS installed";
    work.row(sql, []).await?.try_get("", "installed")
}

/// Refuses where `install_archive` has not run, or only that of an older version of this crate.
pub(crate) async fn require(work: &Work) -> Result<(), DbErr> {
    crate::archive_table::register::require(work).await?;
    match is_installed(work).await? {
        true => Ok(()),
        false => Err(DbErr::Migration(
            "the archive of this database was installed by an older version without guards: call `manager.install_archive()` again"
                .to_owned(),
        )),
    }
}

/// The guards of this table, and of those that refer to it and catch: their functions name its archive table.
pub(crate) async fn around(work: &Work, table: &TableId) -> Result<Vec<Guarded>, DbErr> {
    let condition = format!(
        "g.relation = {oid} OR g.catches AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
             WHERE k.contype = 'f' AND k.conrelid = g.relation AND k.confrelid = {oid})",
        oid = table.oid
    );
    select(work, &condition).await
}

/// All guarded tables that exist.
pub(crate) async fn live(work: &Work) -> Result<Vec<Guarded>, DbErr> {
    select(work, "c.oid IS NOT NULL").await
}

async fn select(work: &Work, condition: &str) -> Result<Vec<Guarded>, DbErr> {
    if !is_installed(work).await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT g.id, g.catches, CASE WHEN c.oid IS NULL THEN '' ELSE pg_catalog.format('%I.%I', n.nspname, c.relname) END AS table_name
         FROM archive.guarded_table AS g LEFT JOIN pg_catalog.pg_class AS c ON c.oid = g.relation
         LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE {condition} ORDER BY g.id"
    );
    let rows = work.rows(&sql, []).await?;
    let guarded = rows.iter().map(|row| {
        Ok(Guarded {
            id: row.try_get("", "id")?,
            catches: row.try_get("", "catches")?,
            table: row.try_get("", "table_name")?,
        })
    });
    guarded.collect()
}

/// Registers the guard of a table, or replaces it.
pub(crate) async fn put(work: &Work, table: &TableId, guard: Guard) -> Result<(), DbErr> {
    work.run_with(
        "INSERT INTO archive.guarded_table (relation, catches) VALUES ($1::bigint::oid, $2)
         ON CONFLICT (relation) DO UPDATE SET catches = EXCLUDED.catches",
        [table.oid.into(), guard.catches.into()],
    )
    .await
}

/// Records the columns and the foreign keys that the function was written for.
pub(crate) async fn put_shape(work: &Work, id: i32) -> Result<(), DbErr> {
    work.run(&format!(
        "UPDATE archive.guarded_table SET shape = archive.guard_shape(relation),
             links = CASE WHEN catches THEN archive.guard_links_text(relation) END WHERE id = {id}"
    ))
    .await
}

/// Removes the guard of a table that loses its archive table, with its function and its triggers.
pub(crate) async fn forget(work: &Work, table: &TableId) -> Result<(), DbErr> {
    remove(work, &format!("g.relation = {}", table.oid)).await
}

/// Removes the guards of tables that were dropped, and whose name no other table has.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    remove(work, "archive.is_dropped(g.relation)").await
}

/// The same for dropped tables that `table` replaced.
pub(crate) async fn take_over(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let condition = format!("archive.is_dropped(g.relation, {}::oid)", table.oid);
    remove(work, &condition).await
}

async fn remove(work: &Work, condition: &str) -> Result<(), DbErr> {
    for guarded in select(work, condition).await? {
        work.run(&format!(
            "DELETE FROM archive.guarded_table WHERE id = {}",
            guarded.id
        ))
        .await?;
        // With CASCADE, which drops the triggers too.
        work.run(&format!(
            "DROP FUNCTION IF EXISTS {}() CASCADE",
            guarded.function()
        ))
        .await?;
    }
    Ok(())
}

/// Refuses to uninstall while a table is guarded: its triggers need functions of the archive.
pub(crate) async fn refuse_guarded(work: &Work) -> Result<(), DbErr> {
    if !is_installed(work).await? {
        return Ok(());
    }
    forget_dropped(work).await?;
    match live(work).await?.first() {
        None => Ok(()),
        Some(guarded) => Err(DbErr::Migration(format!(
            "{} is guarded, and its guard needs functions of the archive: drop it first, with `manager.drop_guard(..)`",
            guarded.table
        ))),
    }
}
