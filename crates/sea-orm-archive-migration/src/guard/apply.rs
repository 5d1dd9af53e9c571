//! The function and the triggers of a guarded table.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use super::{
    Guard,
    function::{Function, Parent},
    register::{self, Guarded},
};
use crate::{
    archive_table::privileges, feature, history::register as history, table_names, work::Work,
};

/// Creates the registers and the functions that all guards share.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    work.run(schema::guard::INSTALL).await?;
    work.run(schema::guard::CAUGHT).await
}

/// Guards the table called `name`, or replaces its guard.
pub(crate) async fn guard(work: &Work, name: &str, wanted: Guard) -> Result<(), DbErr> {
    register::require(work).await?;
    feature::forget_dropped(work).await?;
    let table = work.existing_table(name).await?;
    table_names::follow(work, &table.id).await?;
    register::take_over(work, &table.id).await?;
    let table = work.existing_table(&table.id.sql()).await?;
    let Some(archive_table) = &table.archive_table else {
        return Err(DbErr::Migration(format!(
            "{} has no archive table: call `manager.archive_existing_table(..)` for it first",
            table.id
        )));
    };
    refuse_hidden(&table, archive_table)?;
    if history::describe(work, &table.id).await?.is_some() {
        return Err(DbErr::Migration(format!(
            "{} is a history, whose verbs delete versions: guard the table of its identities",
            table.id
        )));
    }
    if wanted.catches {
        refuse_uncatchable(work, &table).await?;
    }
    register::put(work, &table.id, wanted).await?;
    feature::changed(work, &table.id).await
}

/// Drops the guard of the table called `name`, if it has one.
pub(crate) async fn unguard(work: &Work, name: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    feature::forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    // The lock waits for running deletions, which the guard still sees.
    let table = work.existing_table(&table.id.sql()).await?;
    refuse_cascading(work, &table.id).await?;
    register::forget(work, &table.id).await?;
    register::take_over(work, &table.id).await?;
    table_names::accept(work, &table.id).await?;
    feature::changed(work, &table.id).await
}

/// Replaces the functions that name `table` or its archive table, and creates the triggers that its partitions lack.
pub(crate) async fn refresh(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let guarded = register::around(work, table).await?;
    for guarded in &guarded {
        create(work, guarded).await?;
    }
    work.run_each(
        &format!("WITH {}{}", schema::guard::WANTED, schema::guard::TRIGGERS),
        [],
    )
    .await
}

/// Replaces the functions of all guarded tables, after an update of this crate.
pub(crate) async fn refresh_all(work: &Work) -> Result<(), DbErr> {
    for guarded in register::live(work).await? {
        create(work, &guarded).await?;
    }
    Ok(())
}

async fn create(work: &Work, guarded: &Guarded) -> Result<(), DbErr> {
    let table = work.table(&guarded.table).await?;
    let Some(table) = &table else {
        return Ok(());
    };
    let Some(archive_table) = &table.archive_table else {
        return Ok(());
    };
    let held = work.table(&archive_table.id.sql()).await?;
    let actor = held
        .as_ref()
        .and_then(|held| held.column(&archive_table.deleted_by));
    let mut parents = Vec::new();
    for row in work
        .rows(schema::guard::PARENTS, [table.id.oid.into()])
        .await?
    {
        parents.push(Parent {
            archive_table: row.try_get("", "archive_table")?,
            archival_id: row.try_get("", "archival_id")?,
            same: row.try_get("", "same")?,
        });
    }
    let function = Function {
        guarded,
        table,
        archive_table,
        actor_type: actor.map_or("", |column| column.sql_type.as_str()),
        parents: &parents,
    };
    work.run(&function.sql()).await?;
    privileges::make_triggers_private(work).await?;
    register::put_shape(work, guarded.id).await
}

/// The guard reads the archive table as the owner of the schema `archive`. What a policy hides from that role would seem to be lost.
fn refuse_hidden(table: &Table, archive_table: &ArchiveTable) -> Result<(), DbErr> {
    if archive_table.id.hides_rows && table.id.tenant.is_none() {
        return Err(DbErr::Migration(format!(
            "{} has row-level security that is forced, and hides rows from the role of the migration: its guard would refuse what is \
             archived; use NO FORCE ROW LEVEL SECURITY, or tenancy",
            archive_table.id
        )));
    }
    Ok(())
}

async fn refuse_uncatchable(work: &Work, table: &Table) -> Result<(), DbErr> {
    let sql = "SELECT archive.not_catchable($1::bigint::oid) AS problem";
    let problem: Option<String> = work
        .row(sql, [table.id.oid.into()])
        .await?
        .try_get("", "problem")?;
    match problem {
        None => Ok(()),
        Some(problem) => Err(DbErr::Migration(format!(
            "rows that are deleted from {} cannot be caught: {problem}",
            table.id
        ))),
    }
}

/// Refuses where the deletions of a table that catches cascade to this one: its rows would be lost.
async fn refuse_cascading(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let rows = work
        .rows(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS parent
             FROM archive.guarded_table AS g
             JOIN pg_catalog.pg_class AS c ON c.oid = g.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_constraint AS k ON k.confrelid = g.relation AND k.contype = 'f' AND k.confdeltype = 'c'
             WHERE g.catches AND k.conrelid = $1::bigint::oid AND k.confrelid <> k.conrelid
               AND EXISTS (SELECT FROM archive.guarded_table AS own WHERE own.relation = k.conrelid)
             ORDER BY parent LIMIT 1",
            [table.oid.into()],
        )
        .await?;
    match rows.first() {
        None => Ok(()),
        Some(row) => Err(DbErr::Migration(format!(
            "the guard of {} catches what is deleted, and its deletions cascade to {table}: drop that guard first, with `manager.drop_guard(..)`",
            row.try_get::<String>("", "parent")?
        ))),
    }
}
