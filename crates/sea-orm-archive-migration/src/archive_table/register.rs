//! `archive.archived_table`: the tables and their archive tables.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::options::ArchiveTableOptions, guard, retention, table_names, work::Work,
};

/// Refuses where `install_archive` has not run.
pub(crate) async fn require(work: &Work) -> Result<(), DbErr> {
    if is_installed(work).await? {
        return Ok(());
    }
    Err(DbErr::Migration(
        "the archive is not installed in this database: call `manager.install_archive()` in an earlier migration"
            .to_owned(),
    ))
}

/// Whether the register exists.
pub(crate) async fn is_installed(work: &Work) -> Result<bool, DbErr> {
    let sql = "SELECT pg_catalog.to_regclass('archive.archived_table') IS NOT NULL AS installed";
    work.row(sql, []).await?.try_get("", "installed")
}

/// Removes the pairs of which a table was dropped and no other table has its name, as after `migrate fresh`: PostgreSQL may
/// give their oids to other tables later.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    work.run(
        "DELETE FROM archive.archived_table AS r WHERE archive.is_dropped(r.active) OR archive.is_dropped(r.archive_table)",
    )
    .await
}

/// Registers `archive_table` as the archive table of `active`.
pub(crate) async fn add(
    work: &Work,
    active: &TableId,
    archive_table: &TableId,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let [deleted_at, deleted_by, archival_id] = options.added();
    work.run_with(
        "INSERT INTO archive.archived_table (active, archive_table, deleted_at_column, deleted_by_column, archival_id_column,
                                             archivals_per_partition, archival_id_number, place)
         VALUES ($1::bigint::oid, $2::bigint::oid, $3::text, $4::text, $5::text, $6,
                 (archive.numbers_of($2::bigint::oid, ARRAY[$5::text::name]))[1], archive.place_of($2::bigint::oid))",
        [
            active.oid.into(),
            archive_table.oid.into(),
            deleted_at.into(),
            deleted_by.into(),
            archival_id.into(),
            options.archivals_per_partition.map(i64::from).into(),
        ],
    )
    .await?;
    table_names::note(work).await
}

/// How many archivals each partition of the archive table of `active` is for.
pub(crate) async fn archivals_per_partition(
    work: &Work,
    active: &TableId,
) -> Result<Option<i64>, DbErr> {
    work.row(
        "SELECT archivals_per_partition FROM archive.archived_table WHERE active = $1::bigint::oid",
        [active.oid.into()],
    )
    .await?
    .try_get("", "archivals_per_partition")
}

/// Removes the archive table of `active` from the register, its retention rules and its guard.
pub(crate) async fn remove(work: &Work, active: &TableId) -> Result<(), DbErr> {
    retention::forget(work, active).await?;
    guard::forget(work, active).await?;
    work.run_with(
        "DELETE FROM archive.archived_table WHERE active = $1::bigint::oid",
        [active.oid.into()],
    )
    .await
}

/// The active table of `table`, where `table` is an archive table.
pub(crate) async fn active_of(work: &Work, table: &TableId) -> Result<Option<String>, DbErr> {
    let rows = work
        .rows(
            "SELECT active::text AS active FROM archive.archived_table WHERE archive_table = $1::bigint::oid",
            [table.oid.into()],
        )
        .await?;
    rows.first()
        .map(|row| row.try_get("", "active"))
        .transpose()
}

/// The registered archive tables, as SQL text.
pub(crate) async fn archive_tables(work: &Work) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS archive_table
               FROM archive.archived_table AS r
               JOIN pg_catalog.pg_class AS c ON c.oid = r.archive_table
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
               ORDER BY archive_table";
    let rows = work.rows(sql, []).await?;
    rows.iter()
        .map(|row| row.try_get("", "archive_table"))
        .collect()
}
