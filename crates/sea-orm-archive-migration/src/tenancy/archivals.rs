//! The tenants of archivals.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{
    name::{literal, quote},
    work::Work,
};

/// Leaves archivals that hold rows of `table` or of its histories, or detached links of these, to the administrator. With
/// `all`, every such archival: their tenants come from no tenant column or from another one. Otherwise those without a
/// tenant: a table of which they hold rows came under tenancy since.
pub(crate) async fn clear(work: &Work, table: &TableId, all: bool) -> Result<(), DbErr> {
    let wanted = format!(
        "SELECT a.id, a.tenant, '' FROM archive.archival AS a
         WHERE a.tenant IS DISTINCT FROM '' AND ({all} OR a.tenant IS NULL) AND {}",
        holding(table.oid)
    );
    assign(work, &wanted, table.oid).await.map(drop)
}

/// Shares the archivals that no longer hold rows of a table under tenancy.
pub(crate) async fn release(work: &Work) -> Result<(), DbErr> {
    let wanted = format!(
        "SELECT a.id, a.tenant, NULL::text FROM archive.archival AS a
         WHERE a.tenant IS NOT NULL AND NOT {}",
        holding(0)
    );
    assign(work, &wanted, 0).await.map(drop)
}

/// Attributes archivals that only the administrator sees, and that were not restored, to the tenant of their rows in
/// `tables`, if all rows have the same one. Each table comes with its tenant column. Returns the number of archivals.
pub(crate) async fn attribute(work: &Work, tables: &[(Table, String)]) -> Result<u64, DbErr> {
    let rows: Vec<_> = tables
        .iter()
        .flat_map(|(table, column)| archived_rows(table, column))
        .collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let wanted = format!(
        "SELECT a.id, a.tenant, pg_catalog.min(r.tenant)
         FROM archive.archival AS a JOIN ({}) AS r (id, tenant) ON r.id = a.id
         WHERE a.tenant = '' AND a.restored_at IS NULL AND a.purged_at IS NULL
         GROUP BY a.id HAVING pg_catalog.min(r.tenant) = pg_catalog.max(r.tenant)",
        rows.join(" UNION ALL ")
    );
    assign(work, &wanted, 0).await
}

/// The archived rows of a table, and its rows with detached links, as queries that return the archival and the tenant.
fn archived_rows(table: &Table, column: &str) -> Vec<String> {
    let mut rows = Vec::new();
    if let Some(archive_table) = &table.archive_table {
        rows.push(format!(
            "SELECT d.{}, coalesce({}, '') FROM {} AS d",
            quote(&archive_table.archival_id),
            table.id.tenant_text("d", column),
            archive_table.id.sql()
        ));
    }
    // The key in the form that detached links store.
    let key: Vec<_> = table
        .key
        .iter()
        .map(|c| format!("archive.exact_text(t.{})", quote(&c.name)))
        .collect();
    for source in std::iter::once(&table.id).chain(
        table
            .archive_table
            .iter()
            .map(|archive_table| &archive_table.id),
    ) {
        rows.push(format!(
            "SELECT l.archival_id, coalesce({}, '')
             FROM archive.detached_link AS l JOIN {} AS t ON l.child_key = pg_catalog.jsonb_build_array({})
             WHERE l.child = {}::regclass AND l.tenant = '' AND NOT l.deleted",
            table.id.tenant_text("t", column),
            source.sql(),
            key.join(", "),
            literal(&table.id.sql())
        ));
    }
    rows
}

/// The condition that the archival `a` holds rows or links of this table under tenancy, or of any one if it is 0.
fn holding(table: i64) -> String {
    fill(schema::tenancy::HOLDING, [("origin", table.to_string())])
}

async fn assign(work: &Work, wanted: &str, origin: i64) -> Result<u64, DbErr> {
    let sql = fill(
        schema::tenancy::GIVE_ARCHIVALS,
        [
            ("wanted", wanted.to_owned()),
            ("origin", origin.to_string()),
        ],
    );
    let assigned: i64 = work.row(&sql, []).await?.try_get("", "archivals")?;
    Ok(assigned.unsigned_abs())
}
