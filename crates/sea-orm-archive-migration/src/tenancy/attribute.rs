//! Attributing archivals and entries of the audit log from before tenancy to tenants.

use sea_orm_migration::DbErr;

use crate::{
    audit, feature,
    tenancy::{archivals, log, register, shared},
    work::Work,
};

/// The result of [`attribute_to_tenants`](crate::TenancySchema::attribute_to_tenants).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Attributed {
    /// The number of entries of the audit log that were attributed.
    pub entries: u64,
    /// The number of archivals that were attributed.
    pub archivals: u64,
    /// The number of entries that still only the administrator sees.
    pub entries_left: u64,
    /// The number of archivals that still only the administrator sees.
    pub archivals_left: u64,
}

pub(crate) async fn attribute(work: &Work) -> Result<Attributed, DbErr> {
    let mut done = Attributed::default();
    if !register::is_installed(work).await? {
        return Ok(done);
    }
    feature::forget_dropped(work).await?;
    register::forget_dropped(work).await?;
    let origins = register::tables(work).await?;
    if origins.is_empty() {
        return Ok(done);
    }
    let (mut names, mut tables) = (shared::tables(work).await?, Vec::new());
    for origin in origins {
        for member in register::members(work, origin).await? {
            if let (true, Some(column)) = (member.is_whole(), &member.column) {
                tables.push((work.existing_table(&member.name).await?, column.clone()));
            }
            names.push(member.name);
        }
    }
    let forced = work.unforce_all(names).await?;
    // PostgreSQL underestimates the rows of these queries, and would compare each entry with every key in a nested loop.
    let nested_loops = work.set("enable_nestloop", "off").await?;
    done.archivals = archivals::attribute(work, &tables).await?;
    for (table, column) in &tables {
        done.entries += log::attribute(work, table, column).await?;
    }
    work.set("enable_nestloop", &nested_loops).await?;
    count_left(work, &mut done).await?;
    work.force_all(forced).await?;
    Ok(done)
}

/// Counts what the policies of the shared tables show to the administrator alone.
async fn count_left(work: &Work, done: &mut Attributed) -> Result<(), DbErr> {
    let is_left = "SELECT pg_catalog.count(*) AS rows FROM archive.archival WHERE tenant = ''";
    done.archivals_left = number(work, is_left).await?;
    if audit::register::is_installed(work).await? {
        let is_left = "SELECT pg_catalog.count(*) AS rows FROM archive.audit_entry AS e
                       WHERE e.tenant IS NULL AND NOT EXISTS (
                           SELECT FROM archive.audited_table AS r
                           WHERE r.table_name = e.table_name AND r.tenant IS NULL AND r.audited_since <= e.at)";
        done.entries_left = number(work, is_left).await?;
    }
    Ok(())
}

async fn number(work: &Work, sql: &str) -> Result<u64, DbErr> {
    let rows: i64 = work.row(sql, []).await?.try_get("", "rows")?;
    Ok(rows.unsigned_abs())
}
