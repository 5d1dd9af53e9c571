//! The verbs on a table and its archive table: create, adopt, alter, synchronise, reset the sequence.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_migration::{
    DbErr,
    sea_query::{TableAlterStatement, TableRef},
};

use crate::{
    archive_table::{
        alter, create,
        options::{ArchiveTableOptions, ArchivedTable},
        privileges, register, sequence, sync,
    },
    feature, name, table_names,
    work::Work,
};

/// Creates a table and its archive table.
pub(crate) async fn create(work: &Work, table: ArchivedTable) -> Result<(), DbErr> {
    let ArchivedTable {
        mut create,
        sequence,
        archive_table,
    } = table;
    register::require(work).await?;
    let Some(active) = create.get_table_name().cloned() else {
        return Err(DbErr::Migration(
            "create_archived_table was called with a statement that names no table".to_owned(),
        ));
    };
    name::table(&active)?;
    if let Some(sequence) = sequence {
        let sequence = name::table(&sequence)?;
        work.run_on_callers_path(&format!("CREATE SEQUENCE IF NOT EXISTS {sequence}"))
            .await?;
    }
    work.execute(create.if_not_exists()).await?;
    adopt(work, &active, &archive_table).await
}

/// The table called `name`. Where it replaced a dropped table that had an archive table, it takes its place in the registers.
async fn existing(work: &Work, name: &str) -> Result<Table, DbErr> {
    let table = work.existing_table(name).await?;
    feature::forget_dropped(work).await?;
    table_names::follow(work, &table.id).await?;
    work.existing_table(name).await
}

/// Gives a table its archive table.
pub(crate) async fn adopt(
    work: &Work,
    table: &TableRef,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    register::require(work).await?;
    let active = existing(work, &name::table(table)?).await?;
    create::ensure(work, &active, options).await?;
    table_names::refuse_lost(work, &active.id).await?;
    feature::changed(work, &active.id).await
}

/// Changes a table and its archive table.
pub(crate) async fn change(work: &Work, statement: &TableAlterStatement) -> Result<(), DbErr> {
    register::require(work).await?;
    existing(work, &alter::table_of(statement)?).await?;
    let altered = alter::apply(work, statement).await?;
    table_names::refuse_lost(work, &altered.id).await?;
    feature::changed(work, &altered.id).await
}

/// Lets the archive table follow a table that was changed without the migration helpers.
pub(crate) async fn synchronise(work: &Work, name: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    let active = existing(work, name).await?;
    let Some(archive_table) = &active.archive_table else {
        return Err(DbErr::Migration(format!(
            "{} has no archive table: call `manager.archive_existing_table(..)` first",
            active.id
        )));
    };
    sync::columns(work, &active, archive_table).await?;
    privileges::add_missing(work, &active.id, &archive_table.id).await?;
    table_names::refuse_lost(work, &active.id).await?;
    feature::changed(work, &active.id).await
}

/// Sets the sequence of the ids past those of both tables.
pub(crate) async fn reset(work: &Work, name: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    let active = work.existing_table(name).await?;
    sequence::reset(work, &active).await
}
