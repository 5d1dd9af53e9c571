//! Archive tables that are partitioned by the ids of archivals.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::{options::ArchiveTableOptions, register},
    work::Work,
};

/// The partitions that a new archive table gets, beside that of the next archival.
const AHEAD: i32 = 3;

/// Creates the missing partitions of all archive tables: those of the next archivals, and `ahead` more.
pub(crate) async fn create(work: &Work, ahead: i32) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run_with("SELECT archive.make_archive_partitions($1)", [ahead.into()])
        .await
}

/// Creates the partitions of a new archive table, if it is partitioned.
pub(crate) async fn create_first(work: &Work, options: &ArchiveTableOptions) -> Result<(), DbErr> {
    match options.archivals_per_partition {
        Some(_) => create(work, AHEAD).await,
        None => Ok(()),
    }
}

/// Refuses what cannot be partitioned, and another number of archivals than the archive table was created with.
pub(crate) async fn refuse_unfit(
    work: &Work,
    active: &Table,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let wanted = options.archivals_per_partition.map(i64::from);
    let table = &active.id;
    if wanted == Some(0) {
        return Err(DbErr::Migration(format!(
            "a partition of the archive table of {table} is for at least one archival"
        )));
    }
    if let Some(archive_table) = &active.archive_table {
        let present = register::archivals_per_partition(work, table).await?;
        if present != wanted {
            let describe = |archivals: Option<i64>| match archivals {
                Some(archivals) => format!("partitions of {archivals} archivals"),
                None => "no partitions".to_owned(),
            };
            return Err(DbErr::Migration(format!(
                "the archive table {} of {table} has {}, and not {}: only a new archive table can be partitioned; restore or purge its \
                 rows, call `manager.unarchive_existing_table(..)`, and then `manager.archive_existing_table(..)` with the partitions",
                archive_table.id,
                describe(present),
                describe(wanted)
            )));
        }
    }
    if wanted.is_some() && active.row_security {
        return Err(DbErr::Migration(format!(
            "{table} has row-level security, and its archive table cannot be partitioned: an archived row with the same key could be hidden \
             from the role that archives"
        )));
    }
    Ok(())
}

/// Refuses tenancy where one of these tables is a partitioned archive table: its policies would hide archived rows of other tenants with the
/// same key from a role that archives.
pub(crate) async fn refuse_tenancy(work: &Work, tables: Vec<i64>) -> Result<(), DbErr> {
    let found = work
        .rows(
            "SELECT r.archive_table::text AS archive_table, r.active::text AS active FROM archive.archived_table AS r
             JOIN pg_catalog.pg_class AS c ON c.oid = r.archive_table AND c.relkind = 'p'
             WHERE r.archive_table::oid::bigint = ANY ($1) ORDER BY c.oid",
            [tables.into()],
        )
        .await?;
    let Some(first) = found.first() else {
        return Ok(());
    };
    let (archive_table, active): (String, String) = (
        first.try_get("", "archive_table")?,
        first.try_get("", "active")?,
    );
    Err(DbErr::Migration(format!(
        "the archive table {archive_table} of {active} is partitioned, so {active} cannot be under tenancy: its policies would hide an archived \
         row of another tenant with the same key from the role that archives; give it an archive table without partitions"
    )))
}
