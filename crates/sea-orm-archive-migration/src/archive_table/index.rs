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
    let name = archive_table.id.sql();
    for columns in wanted(active, archive_table) {
        if !exists(work, archive_table.id.oid, &columns).await? {
            let names = quote_all(columns.iter().map(String::as_str));
            work.run(&format!("CREATE INDEX ON {name} ({names})"))
                .await?;
        }
    }
    // Rows are added in the order of their times, and only deleted in between: a BRIN index finds a range of times, and costs
    // next to nothing at an archive.
    let time = [archive_table.deleted_at.clone()];
    if !exists_as(work, archive_table.id.oid, &time, &["btree", "brin"]).await? {
        let column = quote_all(time.iter().map(String::as_str));
        work.run(&format!("CREATE INDEX ON {name} USING brin ({column})"))
            .await?;
    }
    Ok(())
}

/// The archival of a row, which a restore and a purge read, and its foreign keys, which find the comments of an archived post.
fn wanted(active: &Table, archive_table: &ArchiveTable) -> Vec<Vec<String>> {
    let mut wanted = vec![vec![archive_table.archival_id.clone()]];
    let foreign_keys = active.outgoing.iter().map(|foreign_key| {
        let columns = foreign_key.columns.iter();
        columns.map(|column| column.child.clone()).collect()
    });
    wanted.extend(foreign_keys);
    // The widest first: an index also serves queries of its leading columns.
    wanted.sort_by_key(|columns: &Vec<String>| std::cmp::Reverse(columns.len()));
    wanted
}

/// Whether a B-tree index of the table begins with these columns.
pub(crate) async fn exists(work: &Work, table: i64, columns: &[String]) -> Result<bool, DbErr> {
    exists_as(work, table, columns, &["btree"]).await
}

async fn exists_as(
    work: &Work,
    table: i64,
    columns: &[String],
    methods: &[&str],
) -> Result<bool, DbErr> {
    let methods: Vec<String> = methods.iter().map(ToString::to_string).collect();
    work.row(
        schema::archive_table::HAS_INDEX,
        [table.into(), columns.to_vec().into(), methods.into()],
    )
    .await?
    .try_get("", "has_index")
}
