//! The monthly partitions of the log.

use sea_orm_migration::DbErr;

use crate::{audit::register, name::quote, work::Work};

/// Creates the partitions of this month and of the next `months`.
pub(crate) async fn create(work: &Work, months: i32) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run_with("SELECT archive.make_audit_partitions($1)", [months.into()])
        .await
}

/// Drops every partition whose month ended before the month of `before`, which is a date as PostgreSQL reads it, and
/// deletes the entries of these months from the default partition. Rows as of an earlier time can no longer be read.
pub(crate) async fn drop_before(work: &Work, before: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    let month = work
        .row(
            "SELECT pg_catalog.date_trunc('month', $1::date)::date::text AS month",
            [before.into()],
        )
        .await?;
    let month: String = month.try_get("", "month")?;
    let old = work
        .rows(
            "SELECT c.relname::text AS name
             FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'archive.audit_entry'::pg_catalog.regclass
               AND c.relname ~ '^audit_entry_[0-9]{4}_[0-9]{2}$'
               AND pg_catalog.to_date(pg_catalog.right(c.relname::text, 7), 'YYYY_MM') < $1::date
             ORDER BY 1",
            [month.as_str().into()],
        )
        .await?;
    for partition in old {
        let name: String = partition.try_get("", "name")?;
        work.run(&format!("DROP TABLE archive.{}", quote(&name)))
            .await?;
    }
    let mut forced = Vec::new();
    for table in ["archive.audit_entry_default", "archive.audit_details"] {
        if work.unforce(table).await? {
            forced.push(table);
        }
    }
    work.run(&format!(
        "DELETE FROM archive.audit_entry_default WHERE at < '{month} 00:00:00+00';
         DELETE FROM archive.audit_details WHERE at < '{month} 00:00:00+00';
         UPDATE archive.audited_table SET audited_since = '{month} 00:00:00+00'
         WHERE audited_since < '{month} 00:00:00+00'"
    ))
    .await?;
    for table in forced {
        work.force(table).await?;
    }
    Ok(())
}
