//! `archive.known_table`: the names of the tables of all registers, to recognize a table that was replaced by another
//! one of the same name.
//!
//! A register forgets a dropped table only where no other table has its name (`archive.is_dropped`). Where another table
//! has the name, the helpers that archive, audit, stamp or put it under tenancy follow or take over what is registered.
//! Helpers that change a table together with its archive table refuse until everything that the replacement lost is
//! added again or dropped on purpose.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{audit, work::Work};

/// Stores the names of all registered tables.
pub(crate) async fn note(work: &Work) -> Result<(), DbErr> {
    let note = with_registered(work, schema::table_names::NOTE).await?;
    work.run(&note).await
}

/// Where `table` replaced a dropped table of the same name, assigns to it what is registered of that table: the archive
/// table, the identity of histories, the archivals, the detached links and the retention rules. So what was archived can be restored.
///
/// The caller checks whether the table fits its archive table, as for any other table.
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
    // The archive table may have been replaced alone, or together with its table.
    work.run_with(
        "UPDATE archive.archived_table AS a SET archive_table = archive.successor(a.archive_table)
         WHERE a.active = $1::bigint::oid AND archive.successor(a.archive_table) IS NOT NULL
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = a.archive_table)",
        [table.oid.into()],
    )
    .await
}

/// Replaces the oid `old`, which no table has now, with `new`.
///
/// Where both have an archive table, what was archived of `old` is in another one than that of `new`: archivals, links and rules stay
/// with `old`.
async fn replace(work: &Work, old: i64, new: i64) -> Result<(), DbErr> {
    for sql in [
        "UPDATE archive.archived_table SET active = $2::bigint::oid
         WHERE active = $1::bigint::oid
           AND NOT EXISTS (SELECT FROM archive.archived_table AS other WHERE other.active = $2::bigint::oid)",
        "UPDATE archive.history_table SET identity = $2::bigint::oid WHERE identity = $1::bigint::oid",
    ] {
        work.run_with(sql, [old.into(), new.into()]).await?;
    }
    let is_apart = format!("active::oid = {old}");
    if work.count("archive.archived_table", &is_apart).await? > 0 {
        return Ok(());
    }
    // Under tenancy, row-level security is forced on these tables: their owner sees the rows of one tenant.
    let shared = ["archive.archival", "archive.detached_link"].map(str::to_owned);
    let forced = work.unforce_all(shared.to_vec()).await?;
    for sql in [
        "UPDATE archive.archival
         SET tables = pg_catalog.array_replace(tables, $1::bigint::oid::regclass, $2::bigint::oid::regclass)
         WHERE $1::bigint::oid::regclass = ANY (tables)",
        "UPDATE archive.detached_link SET child = $2::bigint::oid WHERE child = $1::bigint::oid",
        "UPDATE archive.retention AS r SET root = $2::bigint::oid
         WHERE r.root = $1::bigint::oid AND NOT EXISTS (SELECT FROM archive.retention AS other WHERE other.root = $2::bigint::oid)",
    ] {
        work.run_with(sql, [old.into(), new.into()]).await?;
    }
    work.force_all(forced).await?;
    replace_persons(work, old, new).await
}

/// Replaces `old` with `new` in the rules for personal data, the erasures and the holds. Where both have a rule with the same parent and links, that of `new`
/// stays.
async fn replace_persons(work: &Work, old: i64, new: i64) -> Result<(), DbErr> {
    for sql in [
        "DELETE FROM archive.personal_data AS p USING archive.personal_data AS other
         WHERE p.id <> other.id AND p.link_columns = other.link_columns AND (p.relation = $1::bigint::oid OR p.parent = $1::bigint::oid)
           AND other.relation = CASE p.relation::oid WHEN $1::bigint::oid THEN $2::bigint::oid ELSE p.relation::oid END
           AND other.parent::oid IS NOT DISTINCT FROM CASE p.parent::oid WHEN $1::bigint::oid THEN $2::bigint::oid ELSE p.parent::oid END",
        "UPDATE archive.personal_data SET relation = $2::bigint::oid WHERE relation = $1::bigint::oid",
        "UPDATE archive.personal_data SET parent = $2::bigint::oid WHERE parent = $1::bigint::oid",
        "UPDATE archive.erasure SET subject = $2::bigint::oid WHERE subject = $1::bigint::oid",
        "UPDATE archive.hold SET relation = $2::bigint::oid WHERE relation = $1::bigint::oid",
    ] {
        work.run_with(sql, [old.into(), new.into()]).await?;
    }
    Ok(())
}

/// Assigns the rules for personal data of tables that `table` replaced to it, also where they had an archive table of their own. Refuses while rows are in
/// that: no rule would find them.
pub(crate) async fn follow_rules(work: &Work, table: &TableId) -> Result<(), DbErr> {
    for old in replaced_rules(work, table.oid).await? {
        let apart = work
            .rows(
                "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
                 FROM archive.archived_table AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.archive_table
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE a.active = $1::bigint::oid",
                [old.into()],
            )
            .await?;
        for row in apart {
            let name: String = row.try_get("", "name")?;
            let rows = work.count(&name, "true").await?;
            if rows > 0 {
                return Err(DbErr::Migration(format!(
                    "{table} replaced a table whose {rows} archived rows are in {name}, where no erasure of a person would find them: move them to \
                     the archive table of {table}, or delete them, and then declare the personal data again"
                )));
            }
        }
        replace_persons(work, old, table.oid).await?;
    }
    Ok(())
}

/// The dropped tables of the name of a table that rules for personal data are still for, or lead to.
pub(crate) async fn replaced_rules(work: &Work, table: i64) -> Result<Vec<i64>, DbErr> {
    let rows = work
        .rows(
            "SELECT DISTINCT t.oid::bigint AS oid FROM archive.personal_data AS p CROSS JOIN LATERAL (VALUES (p.relation::oid), (p.parent::oid)) AS t (oid)
             WHERE archive.successor(t.oid) = $1::bigint::oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = t.oid) ORDER BY 1",
            [table.into()],
        )
        .await?;
    rows.iter().map(|row| row.try_get("", "oid")).collect()
}

/// Refuses where `table` replaced a table of which more is registered than `table` has: that would be lost silently.
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

/// Where `table` has the old name of a registered table that was renamed, stores the new name of that table: what is
/// registered stays with it. The caller drops on purpose what `table` does not have.
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
