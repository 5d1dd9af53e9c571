//! The privileges on archive tables, which are those of their active tables, and the privileges in the schema `archive`:
//! only those that `grant_archive` and `grant_audit` give, also where there are default privileges.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{name::quote, work::Work};

/// Gives the new archive table exactly the grants of its table, its row-level security, and its owner.
pub(crate) async fn copy_to_new(
    work: &Work,
    active: &TableId,
    archive_table: &TableId,
) -> Result<(), DbErr> {
    work.run_each(schema::archive_table::REVOKES, [archive_table.oid.into()])
        .await?;
    add_missing(work, active, archive_table).await?;
    // Last: afterwards the archive table may belong to another role than the one that migrates.
    copy_owner(work, active, archive_table).await
}

/// Gives the archive table the grants, the row-level security and the policies of its table that it lacks.
///
/// Grants and policies that only the archive table has stay, such as a policy for moderators.
pub(crate) async fn add_missing(
    work: &Work,
    active: &TableId,
    archive_table: &TableId,
) -> Result<(), DbErr> {
    let tables = || [active.oid.into(), archive_table.oid.into()];
    work.run_each(schema::archive_table::GRANTS, tables())
        .await?;
    work.run_each(schema::archive_table::ROW_SECURITY, tables())
        .await?;
    copy_policies(work, active, archive_table).await
}

/// Creates the policies of `active` on `archive_table`.
///
/// The text of a policy with a subquery qualifies columns with the name of its table, such as `posts.author_id`. So
/// while the policies are created, the archive table has that name, in the schema `archive`. Renaming a table does
/// not change the meaning of its policies.
async fn copy_policies(
    work: &Work,
    active: &TableId,
    archive_table: &TableId,
) -> Result<(), DbErr> {
    let staged = format!("archive.{}", quote(&active.table));
    let policies = work
        .rows(
            schema::archive_table::POLICIES,
            [active.oid.into(), staged.as_str().into()],
        )
        .await?;
    if policies.is_empty() {
        return Ok(());
    }
    let (name, schema) = (quote(&archive_table.table), quote(&archive_table.schema));
    work.run(&format!(
        "ALTER TABLE {} SET SCHEMA archive; ALTER TABLE archive.{name} RENAME TO {};",
        archive_table.sql(),
        quote(&active.table)
    ))
    .await?;
    for policy in policies {
        work.run(&policy.try_get::<String>("", "drop_statement")?)
            .await?;
        work.run(&policy.try_get::<String>("", "create_statement")?)
            .await?;
    }
    work.run(&format!(
        "ALTER TABLE {staged} RENAME TO {name}; ALTER TABLE archive.{name} SET SCHEMA {schema};"
    ))
    .await
}

async fn copy_owner(work: &Work, active: &TableId, archive_table: &TableId) -> Result<(), DbErr> {
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, t.relname, pg_catalog.pg_get_userbyid(a.relowner))
                    AS statement
         FROM pg_catalog.pg_class AS a, pg_catalog.pg_class AS t
         JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
         WHERE a.oid = $1::bigint::oid AND a.relowner <> t.relowner
           AND (t.oid = $2::bigint::oid OR t.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree($2::bigint::oid::pg_catalog.regclass) AS p))
         ORDER BY t.oid",
        [active.oid.into(), archive_table.oid.into()],
    )
    .await
}

/// The objects that exist in the schema `archive`, to find those that are created later.
pub(crate) async fn objects(work: &Work) -> Result<Vec<String>, DbErr> {
    let rows = work.rows(schema::core::OBJECTS, []).await?;
    rows.iter().map(|row| row.try_get("", "object")).collect()
}

/// Revokes from every role except the owner all privileges on objects that were created in the schema `archive` since
/// `before`, and on the other objects those that no helper grants, such as writing the log, its partitions and the registers.
pub(crate) async fn make_private(work: &Work, before: Vec<String>) -> Result<(), DbErr> {
    work.run_each(schema::core::PRIVATE, [before.into()])
        .await?;
    make_triggers_private(work).await
}

/// Revokes EXECUTE on the trigger functions of the schema `archive` from every role except their owner. Called after each
/// creation of one.
pub(crate) async fn make_triggers_private(work: &Work) -> Result<(), DbErr> {
    work.run_each(schema::core::PRIVATE_TRIGGERS, []).await
}
