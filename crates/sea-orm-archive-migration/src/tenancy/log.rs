//! Whose the entries of the audit log are that were written before.

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

/// Lets the log tell of each row of `table` and its histories whose it is, from now on and for what is written.
pub(crate) async fn tell_all(work: &Work, table: &TableId) -> Result<(), DbErr> {
    for member in register::members(work, table).await? {
        if member.is_archived || member.is_partition {
            continue;
        }
        if let Some(table) = work.table(&member.name).await? {
            tell(work, &table).await?;
        }
    }
    Ok(())
}

/// The same for one table that is audited.
pub(crate) async fn tell(work: &Work, table: &Table) -> Result<(), DbErr> {
    if !register::is_installed(work).await? || !audit::register::is_installed(work).await? {
        return Ok(());
    }
    let told = work
        .rows(schema::tenancy::REGISTER_LOG, [table.id.oid.into()])
        .await?;
    let Some(row) = told.first() else {
        return refuse_untold(work, &table.id).await;
    };
    audit::refresh(work, table).await?;
    if row.try_get("", "is_told")? {
        return Ok(());
    }
    let told = Told {
        table_name: row.try_get("", "table_name")?,
        column: row.try_get("", "tenant_column")?,
        until: row
            .try_get::<Option<i64>>("", "told_until")?
            .unwrap_or_default(),
    };
    tell_before(work, table, &told).await
}

/// What the log was told of a table before.
struct Told {
    /// What its entries call it.
    table_name: String,
    /// The column that says whose a row is.
    column: String,
    /// The last entry that has its tenant by that column already; 0 where none has.
    until: i64,
}

/// Whose the entries are that were written when the table was not under tenancy.
async fn tell_before(work: &Work, table: &Table, told: &Told) -> Result<(), DbErr> {
    let Told {
        table_name, column, ..
    } = told;
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
    let sources: Vec<_> = std::iter::once(table.id.sql())
        .chain(table.twin.iter().map(|twin| twin.id.sql()))
        .collect();
    let rows: String = sources
        .iter()
        .map(|source| {
            format!(
                "SELECT pg_catalog.jsonb_build_object({}), {} FROM {source} AS t UNION ALL\n",
                key.join(", "),
                table.id.tenant_text("t", column)
            )
        })
        .collect();
    let tell = schema::tenancy::TELL_LOG;
    let sql = fill(
        tell,
        [
            ("rows", rows),
            ("told_until", told.until.to_string()),
            ("name", literal(column)),
            ("table_name", literal(table_name)),
        ],
    );
    let mut lifted = Vec::new();
    for forced in sources
        .into_iter()
        .chain(["archive.audit_entry".to_owned()])
    {
        if work.unforce(&forced).await? {
            lifted.push(forced);
        }
    }
    work.run(&sql).await?;
    work.run(&format!(
        "UPDATE archive.audited_table SET told_since = (
             SELECT pg_catalog.max(e.at) FROM archive.audit_entry AS e
             WHERE e.table_name = {name} AND e.tenant = '' AND e.key IS NOT NULL)
         WHERE table_name = {name}",
        name = literal(table_name)
    ))
    .await?;
    for table in lifted {
        work.force(&table).await?;
    }
    Ok(())
}

/// Without a column that says whose a row is, the entries of a table under tenancy would be taken for everybody's.
async fn refuse_untold(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let untold = work
        .rows(
            "SELECT 1 AS untold FROM archive.audited_table AS r
             JOIN archive.tenancy_scope AS s ON s.relation = r.relation AND s.tenant_column IS NULL
             WHERE r.relation = $1::bigint::oid AND r.tenant IS NULL",
            [table.oid.into()],
        )
        .await?;
    if untold.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{table} is under tenancy and has no column any more that says whose a row is, so that its entries would be \
         everybody's: add it again, NOT NULL, and call `manager.enable_tenancy(..)` first"
    )))
}

/// The log tells of these tables as of all others again. What it has told of whom is kept, for tenancy by the same
/// column: the key of a row that is gone may be another tenant's now.
pub(crate) async fn forget(work: &Work, members: &[Member]) -> Result<(), DbErr> {
    let Some(table) = members.first() else {
        return Ok(());
    };
    if !audit::register::is_installed(work).await? {
        return Ok(());
    }
    // Whoever writes to one of them has left his entries then, or waits. By the number of the last one, and not by the
    // time: a clock may be set back.
    let mut whole = Vec::new();
    for member in members.iter().filter(|m| !m.is_partition) {
        whole.push(work.existing_table(&member.name).await?);
    }
    for member in whole {
        work.run_with(
            "UPDATE archive.audited_table AS r
             SET tenant = NULL, told_since = NULL,
                 told_until = pg_catalog.pg_sequence_last_value(pg_catalog.pg_get_serial_sequence('archive.audit_entry', 'id')::pg_catalog.regclass),
                 told_tenant = (SELECT a.attnum FROM pg_catalog.pg_attribute AS a
                                WHERE a.attrelid = $2::bigint::oid AND a.attname = $3::text),
                 told_tenant_name = coalesce($3::text, r.tenant_name)
             WHERE r.relation = $1::bigint::oid AND r.tenant IS NOT NULL",
            [
                member.id.oid.into(),
                table.oid.into(),
                table.column.as_deref().into(),
            ],
        )
        .await?;
        audit::refresh(work, &member).await?;
    }
    Ok(())
}
