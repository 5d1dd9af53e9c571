//! Row-level security of the tables that all tables share: archivals, detached links and the audit log.

use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{
    audit,
    name::{literal, quote},
    tenancy::register,
    work::Work,
};

const TABLES: [&str; 2] = ["archive.archival", "archive.detached_link"];
const AUDIT_TABLES: [&str; 2] = ["archive.audit_entry", "archive.audit_details"];

/// Protects the shared tables, if any table is under tenancy.
pub(crate) async fn protect(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let (any, administrator) = register::administrator(work).await?;
    if !any {
        return Ok(());
    }
    let writer = quote(&owner(work, "archive.archival").await?);
    let role = administrator.as_deref().map_or("NULL".to_owned(), literal);
    work.run(&fill(
        schema::tenancy::SHARED,
        [("owner", writer), ("administrator", role)],
    ))
    .await?;
    for table in TABLES {
        administer(work, table, "ALL", administrator.as_deref()).await?;
        record_objects(work, table).await?;
    }
    record_functions(work).await?;
    if !audit::register::is_installed(work).await? {
        return Ok(());
    }
    let owner = owner(work, "archive.audit_entry").await?;
    work.run(&fill(schema::tenancy::AUDIT, [("owner", quote(&owner))]))
        .await?;
    for table in AUDIT_TABLES {
        administer(work, table, "SELECT", administrator.as_deref()).await?;
        record_objects(work, table).await?;
    }
    // No helper grants a partition. A role that was granted one with plain SQL sees no row of it.
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE archive.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', c.relname) AS statement
         FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'archive.audit_entry'::pg_catalog.regclass",
        [],
    )
    .await
}

/// The role that owns a table, and that its SECURITY DEFINER functions run as.
pub(crate) async fn owner(work: &Work, table: &str) -> Result<String, DbErr> {
    work.row(
        "SELECT pg_catalog.pg_get_userbyid(c.relowner)::text AS owner FROM pg_catalog.pg_class AS c
         WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass::oid",
        [table.into()],
    )
    .await?
    .try_get("", "owner")
}

async fn administer(
    work: &Work,
    table: &str,
    command: &str,
    administrator: Option<&str>,
) -> Result<(), DbErr> {
    let mut sql = format!("DROP POLICY IF EXISTS tenancy_administration ON {table};");
    if let Some(role) = administrator {
        sql.push_str(&format!(
            "CREATE POLICY tenancy_administration ON {table} FOR {command} TO {} USING (current_user OPERATOR(pg_catalog.=) {});",
            quote(role),
            literal(role)
        ));
    }
    work.run(&sql).await
}

/// Stores the definitions of the functions that the policies and guards call. Call it after they were replaced.
pub(crate) async fn record_functions(work: &Work) -> Result<(), DbErr> {
    match register::is_installed(work).await? {
        true => record_objects(work, "archive.tenancy").await,
        false => Ok(()),
    }
}

async fn record_objects(work: &Work, table: &str) -> Result<(), DbErr> {
    let oid: i64 = work
        .row(
            "SELECT $1::pg_catalog.regclass::oid::bigint AS oid",
            [table.into()],
        )
        .await?
        .try_get("", "oid")?;
    register::record_objects(work, oid).await
}

/// The shared tables that exist.
pub(crate) async fn tables(work: &Work) -> Result<Vec<String>, DbErr> {
    let audit = audit::register::is_installed(work).await?;
    let tables = TABLES.iter().chain(AUDIT_TABLES.iter().filter(|_| audit));
    Ok(tables.map(|table| (*table).to_owned()).collect())
}

/// Removes the protection of the shared tables: every role with privileges on them sees all rows again.
pub(crate) async fn release(work: &Work) -> Result<(), DbErr> {
    let audit = audit::register::is_installed(work).await?;
    for table in tables(work).await? {
        let mut sql = format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;\n");
        if table == "archive.archival" {
            // The restrictive policy, which hides records from roles that may not read their tables, stays.
            sql.push_str(
                "CREATE POLICY every_record ON archive.archival FOR SELECT USING (true);\n",
            );
        } else {
            sql.push_str(&format!(
                "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n"
            ));
        }
        for policy in [
            "tenancy",
            "tenancy_administration",
            "tenancy_writing",
            "tenancy_reading",
            "tenancy_recording",
            "tenancy_erasing",
        ] {
            sql.push_str(&format!("DROP POLICY IF EXISTS {policy} ON {table};\n"));
        }
        work.run(&sql).await?;
    }
    if audit {
        work.run_each(
            "SELECT pg_catalog.format('ALTER TABLE archive.%I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', c.relname) AS statement
             FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'archive.audit_entry'::pg_catalog.regclass",
            [],
        )
        .await?;
    }
    work.run("DELETE FROM archive.tenancy_object").await
}
