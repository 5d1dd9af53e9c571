//! The tenants of entries of the audit log.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{
    audit,
    name::{literal, quote},
    tenancy::register::{self, Member},
    work::Work,
};

/// From now on writes entries of `table` with the tenant of their row, where it is audited and under tenancy. Returns
/// whether its earlier entries were written without a tenant column or with another one.
pub(crate) async fn follow(work: &Work, table: &Table) -> Result<bool, DbErr> {
    if !register::is_installed(work).await? || !audit::register::is_installed(work).await? {
        return Ok(false);
    }
    let changed = work
        .rows(schema::tenancy::FOLLOW_LOG, [table.id.oid.into()])
        .await?;
    let Some(row) = changed.first() else {
        return refuse_shared(work, &table.id).await.map(|()| false);
    };
    audit::refresh(work, table).await?;
    Ok(!row.try_get("", "is_same")?)
}

/// Removes the tenant of the existing entries of `table`, so that only the administrator sees them.
pub(crate) async fn clear(work: &Work, table: &TableId) -> Result<(), DbErr> {
    if !audit::register::is_installed(work).await? {
        return Ok(());
    }
    let clear = schema::tenancy::CLEAR_ENTRIES;
    let clear = fill(
        clear,
        [
            ("relation", table.oid.to_string()),
            ("name", literal(&table.to_string())),
        ],
    );
    work.run(&clear).await?;
    put_since(work, table).await
}

/// Attributes entries of `table` without a tenant to the tenants of the rows that have their keys. `column` is the tenant
/// column. Returns the number of entries.
pub(crate) async fn attribute(work: &Work, table: &Table, column: &str) -> Result<u64, DbErr> {
    if !audit::register::is_installed(work).await? {
        return Ok(0);
    }
    let key: Vec<_> = table
        .key
        .iter()
        .map(|c| {
            format!(
                "{}, archive.audit_value(t.{})",
                literal(&c.name),
                quote(&c.name)
            )
        })
        .collect();
    let rows: Vec<_> = std::iter::once(&table.id)
        .chain(
            table
                .archive_table
                .iter()
                .map(|archive_table| &archive_table.id),
        )
        .map(|source| {
            format!(
                "SELECT pg_catalog.jsonb_build_object({}), coalesce({}, '') FROM {} AS t",
                key.join(", "),
                table.id.tenant_text("t", column),
                source.sql()
            )
        })
        .collect();
    let attribute = schema::tenancy::ATTRIBUTE_ENTRIES;
    let attribute = fill(
        attribute,
        [
            ("relation", table.id.oid.to_string()),
            ("column", literal(column)),
            ("rows", rows.join(" UNION ALL ")),
        ],
    );
    let attributed: i64 = work.row(&attribute, []).await?.try_get("", "entries")?;
    put_since(work, &table.id).await?;
    Ok(attributed.unsigned_abs())
}

async fn put_since(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let since = schema::tenancy::ATTRIBUTED_SINCE;
    work.run_with(since, [table.oid.into()]).await
}

/// Refuses a table under tenancy without its tenant column: its entries would be shared.
async fn refuse_shared(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let shared = work
        .rows(
            "SELECT 1 AS shared FROM archive.audited_table AS r
             JOIN archive.tenancy_scope AS s ON s.relation = r.relation AND s.tenant_column IS NULL
             WHERE r.relation = $1::bigint::oid AND r.tenant IS NULL",
            [table.oid.into()],
        )
        .await?;
    if shared.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{table} is under tenancy and has lost its tenant column, so its entries would be visible to every tenant: add the \
         column again, NOT NULL, and call `manager.enable_tenancy(..)` first"
    )))
}

/// Writes entries of these tables without the tenant of their row again, after tenancy was disabled.
pub(crate) async fn forget(work: &Work, members: &[Member]) -> Result<(), DbErr> {
    if !audit::register::is_installed(work).await? {
        return Ok(());
    }
    for member in members.iter().filter(|m| m.is_whole()) {
        let table = work.existing_table(&member.name).await?;
        work.run_with(
            "UPDATE archive.audited_table SET tenant = NULL, attributed_since = NULL WHERE relation = $1::bigint::oid",
            [table.id.oid.into()],
        )
        .await?;
        audit::refresh(work, &table).await?;
    }
    Ok(())
}
