//! Who may see and move archived rows: whoever may see and move active ones. And who may do what in the schema
//! `archive`, whatever default privileges say: whoever was given it by `grant_archive` and `grant_audit`.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{name::quote, work::Work};

/// Gives the new archive table the table's grants and no others, its row-level security, and its owner.
pub(crate) async fn copy_to_new(
    work: &Work,
    active: &TableId,
    archive_table: &TableId,
) -> Result<(), DbErr> {
    work.run_each(schema::archive_table::REVOKES, [archive_table.oid.into()])
        .await?;
    add_missing(work, active, archive_table).await?;
    // Last: from here on the archive table may belong to somebody else.
    copy_owner(work, active, archive_table).await
}

/// Gives the archive table the grants, the row-level security and the policies of its table that it lacks.
///
/// What somebody gave to the archive table alone stays, such as a moderator's policy.
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
/// A policy with a subquery calls the columns of its table by the table's name, `posts.author_id`, and
/// PostgreSQL writes it so. For as long as it takes to create the policies the archive table therefore carries
/// that name, out of the way in the schema `archive`; a policy keeps what it means when its table is
/// renamed.
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
         WHERE a.oid = $1::bigint::oid AND t.oid = $2::bigint::oid AND a.relowner <> t.relowner",
        [active.oid.into(), archive_table.oid.into()],
    )
    .await
}

/// What stands in the schema `archive`, to be compared with what stands there later.
pub(crate) async fn standing(work: &Work) -> Result<Vec<String>, DbErr> {
    let rows = work.rows(schema::core::OBJECTS, []).await?;
    rows.iter().map(|row| row.try_get("", "object")).collect()
}

/// Takes from everybody but its owner what was made in the schema `archive` since `before`, and what nobody is
/// given of the rest: the log, its partitions and the registers are not to be written.
pub(crate) async fn make_private(work: &Work, before: Vec<String>) -> Result<(), DbErr> {
    work.run_each(schema::core::PRIVATE, [before.into()])
        .await?;
    make_triggers_private(work).await
}

/// Takes from everybody but their owner the trigger functions of the schema `archive`. Called wherever one was made.
pub(crate) async fn make_triggers_private(work: &Work) -> Result<(), DbErr> {
    work.run_each(schema::core::PRIVATE_TRIGGERS, []).await
}
