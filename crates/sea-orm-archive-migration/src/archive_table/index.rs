//! The indexes that find archived rows, for restore and for lists of deleted rows.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{name::quote_all, work::Work};

/// Creates the indexes that the archive table of `active` lacks.
///
/// PostgreSQL chooses their names: a name derived from table and columns could exist already, or be truncated at
/// 63 bytes to one that does. An existing index is recognized by its columns.
pub(crate) async fn create_missing(
    work: &Work,
    active: &Table,
    archive_table: &ArchiveTable,
) -> Result<(), DbErr> {
    for columns in wanted(active, archive_table) {
        if !exists(work, archive_table.id.oid, &columns).await? {
            let names = quote_all(columns.iter().map(String::as_str));
            work.run(&format!(
                "CREATE INDEX ON {} ({names})",
                archive_table.id.sql()
            ))
            .await?;
        }
    }
    Ok(())
}

/// The time and the archival of a row, and its foreign keys, which find the comments of an archived post.
fn wanted(active: &Table, archive_table: &ArchiveTable) -> Vec<Vec<String>> {
    let mut wanted = vec![
        vec![archive_table.deleted_at.clone()],
        vec![archive_table.archival_id.clone()],
    ];
    let foreign_keys = active.outgoing.iter().map(|foreign_key| {
        let columns = foreign_key.columns.iter();
        columns.map(|column| column.child.clone()).collect()
    });
    wanted.extend(foreign_keys);
    // The widest first: an index also serves queries of its leading columns.
    wanted.sort_by_key(|columns: &Vec<String>| std::cmp::Reverse(columns.len()));
    wanted
}

pub(crate) async fn exists(work: &Work, table: i64, columns: &[String]) -> Result<bool, DbErr> {
    work.row(
        schema::archive_table::HAS_INDEX,
        [table.into(), columns.to_vec().into()],
    )
    .await?
    .try_get("", "has_index")
}
