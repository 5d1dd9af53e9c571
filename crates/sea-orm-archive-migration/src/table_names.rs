//! `archive.known_table`: what the tables of all registers are called, so that one that was swapped for another of the
//! same name is found again.
//!
//! A register forgets a table only where no table has its name any more (`archive.is_gone`). Where another one has it, the
//! helper that archives, audits, stamps or protects that one follows or takes over, and those that change a pair of tables
//! refuse until all that was lost is put back or dropped on purpose.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{audit, work::Work};

/// Writes down the names of all registered tables.
pub(crate) async fn note(work: &Work) -> Result<(), DbErr> {
    let note = with_registered(work, schema::table_names::NOTE).await?;
    work.run(&note).await
}

/// Lets the archive follow `table` where it has the place of a table that was dropped: the pair of active and archive
/// table, the identity of histories, the archivals and the detached links are those of `table` now, so that what was
/// archived can be restored.
///
/// Whether the table fits its archive table is checked by the caller, as for any other.
pub(crate) async fn follow(work: &Work, table: &TableId) -> Result<(), DbErr> {
    work.run_with(schema::table_names::MARK, [table.oid.into()])
        .await?;
    let rows = work
        .rows(
            "SELECT k.relation::oid::bigint AS relation FROM archive.known_table AS k
             WHERE archive.successor(k.relation) = $1::bigint::oid
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = k.relation)",
            [table.oid.into()],
        )
        .await?;
    for row in rows {
        replace(work, row.try_get("", "relation")?, table.oid).await?;
    }
    // The archive table may have been swapped alone, or with its table.
    work.run_with(
        "UPDATE archive.archived_table AS a SET archive_table = archive.successor(a.archive_table)
         WHERE a.active = $1::bigint::oid AND archive.successor(a.archive_table) IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = a.archive_table)",
        [table.oid.into()],
    )
    .await
}

/// Puts the number `new` where `old` is, which no table has any more.
async fn replace(work: &Work, old: i64, new: i64) -> Result<(), DbErr> {
    // Under tenancy they are forced to show their owner the rows of one tenant.
    let shared = ["archive.archival", "archive.detached_link"].map(str::to_owned);
    let forced = work.unforce_all(shared.to_vec()).await?;
    for sql in [
        "UPDATE archive.archived_table SET active = $2::bigint::oid
         WHERE active = $1::bigint::oid
           AND NOT EXISTS (SELECT FROM archive.archived_table AS other WHERE other.active = $2::bigint::oid)",
        "UPDATE archive.history_table SET identity = $2::bigint::oid WHERE identity = $1::bigint::oid",
        "UPDATE archive.archival
         SET tables = pg_catalog.array_replace(tables, $1::bigint::oid::regclass, $2::bigint::oid::regclass)
         WHERE $1::bigint::oid::regclass = ANY (tables)",
        "UPDATE archive.detached_link SET child = $2::bigint::oid WHERE child = $1::bigint::oid",
    ] {
        work.run_with(sql, [old.into(), new.into()]).await?;
    }
    work.force_all(forced).await
}

/// Refuses to go on where `table` has the place of one of which more was registered: it would be lost silently.
pub(crate) async fn refuse_lost(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let lost = with_registered(work, schema::table_names::LOST).await?;
    let rows = work.rows(&lost, [table.oid.into()]).await?;
    let (mut what, mut again, mut never) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        what.push(row.try_get::<String>("", "what")?);
        again.push(format!(
            "`manager.{}(..)`",
            row.try_get::<String>("", "again")?
        ));
        never.push(format!(
            "`manager.{}(..)`",
            row.try_get::<String>("", "never")?
        ));
    }
    if what.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{table} is another table than the one of this name that {}, and has lost that: call {} for it first, or {} if \
         that was meant",
        what.join(" and "),
        again.join(" and "),
        never.join(" and ")
    )))
}

/// Leaves what was registered of a table with that table, under its new name, where `table` has its old one: the caller
/// drops on purpose what `table` does not have.
pub(crate) async fn accept(work: &Work, table: &TableId) -> Result<(), DbErr> {
    work.run_with(
        "UPDATE archive.known_table AS k SET schema_name = n.nspname, table_name = c.relname
         FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.oid = k.relation AND archive.successor(k.relation) = $1::bigint::oid",
        [table.oid.into()],
    )
    .await
}

async fn with_registered(work: &Work, sql: &str) -> Result<String, DbErr> {
    let registered = schema::table_names::registered(audit::register::is_installed(work).await?);
    Ok(fill(sql, [("registered", registered)]))
}
