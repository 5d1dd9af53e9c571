//! Disabling tenancy.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{
    guard, table_names,
    tenancy::{
        archivals, log,
        objects::{POLICIES, ROW_TRIGGERS, refresh_foreign_keys},
        register::{self, Member},
        shared, temporal,
    },
    work::Work,
};

/// Takes a table out of tenancy.
pub(crate) async fn disable(work: &Work, name: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    register::forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    table_names::follow(work, &table.id).await?;
    register::take_over(work, &table.id).await?;
    table_names::accept(work, &table.id).await?;
    if register::find(work, &table.id).await?.is_none() {
        return Ok(());
    }
    let table = work.existing_table(&table.id.sql()).await?;
    let members = register::members(work, table.id.oid).await?;
    for member in &members {
        unprotect(work, member).await?;
    }
    drop_objects(work, &table.id, &members).await?;
    register::remove(work, &table.id).await?;
    temporal::refuse_left(work, members.iter().map(|member| member.oid).collect()).await?;
    refresh_foreign_keys(work).await?;
    log::forget(work, &members).await?;
    work.unforce_all(shared::tables(work).await?).await?;
    archivals::release(work).await?;
    guard::refresh_all(work).await?;
    let (any, _) = register::administrator(work).await?;
    if any {
        shared::protect(work).await
    } else {
        shared::release(work).await
    }
}

/// Drops the columns, defaults and constraints that tenancy created, and removes them from the register.
pub(crate) async fn drop_objects(
    work: &Work,
    table: &TableId,
    members: &[Member],
) -> Result<(), DbErr> {
    work.run_each(schema::tenancy::DROP, [table.oid.into()])
        .await?;
    for member in members {
        work.run_with(
            "DELETE FROM archive.tenancy_object WHERE relation = $1::bigint::oid",
            [member.oid.into()],
        )
        .await?;
    }
    Ok(())
}

pub(crate) async fn unprotect(work: &Work, member: &Member) -> Result<(), DbErr> {
    let name = &member.name;
    let mut sql = format!("DROP TRIGGER IF EXISTS tenancy_guard_truncate ON {name};\n");
    if !member.is_partition {
        // Its condition may name the tenant column, which is dropped from histories. `follow::refresh` creates it again.
        sql.push_str(&format!(
            "DROP TRIGGER IF EXISTS archive_follow_key ON {name};\n"
        ));
        for trigger in ROW_TRIGGERS {
            sql.push_str(&format!("DROP TRIGGER IF EXISTS {trigger} ON {name};\n"));
        }
    }
    for policy in POLICIES {
        sql.push_str(&format!("DROP POLICY IF EXISTS {policy} ON {name};\n"));
    }
    work.run(&sql).await?;
    // Row-level security without any policy would hide all rows. Where the application has policies, it stays enabled.
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', $2::text) AS statement
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = $1::bigint::oid)",
        [member.oid.into(), name.as_str().into()],
    )
    .await
}

/// Refuses while a table is under tenancy: its policies call functions of the archive.
pub(crate) async fn refuse_while_enabled(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    register::forget_dropped(work).await?;
    let rows = work
        .rows(
            "SELECT coalesce(pg_catalog.format('%I.%I', k.schema_name, k.table_name), t.relation::text) AS name
             FROM archive.tenancy AS t LEFT JOIN archive.known_table AS k ON k.relation = t.relation ORDER BY 1 LIMIT 1",
            [],
        )
        .await?;
    match rows.first() {
        None => Ok(()),
        Some(row) => Err(DbErr::Migration(format!(
            "{} is under tenancy, whose policies call functions of the archive: call `manager.disable_tenancy(..)` first",
            row.try_get::<String>("", "name")?
        ))),
    }
}
