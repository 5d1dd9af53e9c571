//! Creating the archive table of a table.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table, TableId};
use sea_orm_archive_postgres::compare::{Difference, differences, list};
use sea_orm_migration::DbErr;

use crate::{
    archive_table::{
        index, options::ArchiveTableOptions, partition, privileges, register, sequence, sync,
    },
    name::{self, quote, quote_all},
    work::Work,
};

/// Gives `active` its archive table, unless it already has the one that `options` describe.
pub(crate) async fn ensure(
    work: &Work,
    active: &Table,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    refuse_unfit(work, active, options).await?;
    register::forget_dropped(work).await?;
    partition::refuse_unfit(work, active, options).await?;
    match &active.archive_table {
        Some(archive_table) => verify_registered(work, active, archive_table, options).await?,
        None => {
            let archive_table = find_or_create(work, active, options).await?;
            register::add(work, &active.id, &archive_table, options).await?;
            partition::create_first(work, options).await?;
        }
    }
    let registered = work.existing_table(&active.id.sql()).await?;
    if let Some(archive_table) = &registered.archive_table {
        index::create_missing(work, &registered, archive_table).await?;
        if active.archive_table.is_none() {
            privileges::copy_to_new(work, &active.id, &archive_table.id).await?;
        }
    }
    sequence::own(work, active).await
}

/// Refuses the tables that cannot have an archive table.
pub(crate) async fn refuse_unfit(
    work: &Work,
    active: &Table,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let table = &active.id;
    let refuse = |reason: String| Err(DbErr::Migration(format!("{table} {reason}")));
    if table.schema == "archive" || table.schema.starts_with("pg_") {
        return refuse("cannot be archived: it is not a table of the application".to_owned());
    }
    if active.persistence == "t" {
        return refuse(
            "cannot be archived: it is temporary, and its archive table would outlive it"
                .to_owned(),
        );
    }
    if active.is_partition {
        return refuse(
            "is a partition: archive the partitioned table, which has all its rows".to_owned(),
        );
    }
    if active.has_inheritors {
        return refuse(
            "has tables that inherit from it, and an archive table could not distinguish their rows from its own: \
                       use partitions, or archive the inheriting tables"
                .to_owned(),
        );
    }
    if active.key.is_empty() {
        return refuse(
            "has no primary key, so archived rows could not be identified: add one first"
                .to_owned(),
        );
    }
    if let Some(other) = register::active_of(work, table).await? {
        return refuse(format!("is itself the archive table of {other}"));
    }
    let added = options.added();
    for (position, column) in added.iter().enumerate() {
        name::check(column)?;
        if added[..position].contains(column) {
            return refuse(format!("cannot have two added columns called \"{column}\""));
        }
        if active.archive_table.is_none() && active.column(column).is_some() {
            return refuse(format!(
                "has a column \"{column}\" of its own: give the archive table's another name with \
                 `.deleted_at_column(..)`, `.deleted_by_column(..)` or `.archival_id_column(..)`, and the entity \
                 the same one with `#[archive(..)]`"
            ));
        }
    }
    Ok(())
}

/// Checks that the registered archive table is the one that the migration describes.
async fn verify_registered(
    work: &Work,
    active: &Table,
    archive_table: &ArchiveTable,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let name = options.archive_table_of(&active.id.table)?;
    let registered = [
        &archive_table.deleted_at,
        &archive_table.deleted_by,
        &archive_table.archival_id,
    ]
    .map(String::as_str);
    if archive_table.id.table != name || registered != options.added() {
        return Err(DbErr::Migration(format!(
            "{} already has the archive table {} with the columns {}, and not \"{name}\" with {}",
            active.id,
            archive_table.id,
            quote_all(registered),
            quote_all(options.added()),
        )));
    }
    let table = work.existing_table(&archive_table.id.sql()).await?;
    refuse_different(active, &table, &options.added())?;
    verify_added(work, active, &table, options).await
}

/// Refuses an archive table that a later migration of its table has left behind.
pub(crate) fn refuse_different(
    active: &Table,
    archive_table: &Table,
    added: &[&str],
) -> Result<(), DbErr> {
    sync::refuse_clash(active, &archive_table.id, added)?;
    let differences = differences(active, archive_table, added);
    if differences.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "the archive table {} no longer fits {}: {}; {}",
        archive_table.id,
        active.id,
        list(&differences),
        match differences
            .iter()
            .find(|difference| !difference.is_synced())
        {
            None => "call `manager.sync_archived_table(..)`".to_owned(),
            Some(first) => first.finding(&active.id, &archive_table.id).to_string(),
        }
    )))
}

/// The table with the name that the options give to the archive table, if it fits; a new one where there is none.
async fn find_or_create(
    work: &Work,
    active: &Table,
    options: &ArchiveTableOptions,
) -> Result<TableId, DbErr> {
    let name = options.archive_table_of(&active.id.table)?;
    let archive_table = format!("{}.{}", quote(&active.id.schema), quote(&name));
    if !is_present(work, active, options).await? {
        create(work, active, &name, options).await?;
    }
    Ok(work.existing_table(&archive_table).await?.id)
}

/// Whether there is a table with the name of the archive table. It has to fit.
pub(crate) async fn is_present(
    work: &Work,
    active: &Table,
    options: &ArchiveTableOptions,
) -> Result<bool, DbErr> {
    let name = options.archive_table_of(&active.id.table)?;
    name::check(&name)?;
    let archive_table = format!("{}.{}", quote(&active.id.schema), quote(&name));
    match work.table(&archive_table).await? {
        Some(found) => verify_found(work, active, &found, options)
            .await
            .map(|()| true),
        None => Ok(false),
    }
}

/// Creates the archive table.
///
/// A plain LIKE copies names, types, collations, order and NOT NULL. It leaves out what could change or refuse
/// a row: identity, generation, defaults, checks and unique indexes.
async fn create(
    work: &Work,
    active: &Table,
    name: &str,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let schema = &active.id.schema;
    let archive_table = format!("{}.{}", quote(schema), quote(name));
    let mut key: Vec<_> = active
        .key
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    if options.archivals_per_partition.is_some() {
        let create = options.create_partitioned(&archive_table, &active.id.sql());
        work.run_on_callers_path(&create).await?;
        // No archive is refused: rows of archivals without a partition go there.
        let default = format!(
            "{}.{}",
            quote(schema),
            quote(&name::derived(name, "_default"))
        );
        work.run(&format!(
            "CREATE TABLE {default} PARTITION OF {archive_table} DEFAULT"
        ))
        .await?;
        key.push(&options.archival_id);
    } else {
        work.run(&format!(
            "CREATE TABLE {archive_table} (LIKE {})",
            active.id.sql()
        ))
        .await?;
        work.execute(&options.add_columns(schema, name)).await?;
    }
    work.run(&format!(
        "ALTER TABLE {archive_table} ADD PRIMARY KEY ({})",
        quote_all(key)
    ))
    .await
}

/// Refuses a table that has the name of the archive table and does not fit.
async fn verify_found(
    work: &Work,
    active: &Table,
    found: &Table,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let mut differences = differences(active, found, &options.added());
    // Missing row-level security is added together with the grants.
    differences.retain(|difference| !matches!(difference, Difference::RowSecurity));
    if !differences.is_empty() {
        return Err(DbErr::Migration(format!(
            "there is a {} already, and it does not fit as the archive table of {}: {}; rename it, change it to fit, or give \
             the archive table another name with `.archive_table(\"..\")`",
            found.id,
            active.id,
            list(&differences)
        )));
    }
    if let Some(other) = register::active_of(work, &found.id).await? {
        return Err(DbErr::Migration(format!(
            "{} is the archive table of {other} and cannot be that of {} too: give it another one with `.archive_table(\"..\")`",
            found.id, active.id
        )));
    }
    verify_added(work, active, found, options).await
}

/// Checks the three columns that an archive table adds.
async fn verify_added(
    work: &Work,
    active: &Table,
    archive_table: &Table,
    options: &ArchiveTableOptions,
) -> Result<(), DbErr> {
    let types = [
        "timestamp with time zone".to_owned(),
        options.deleted_by_type(),
        "bigint".to_owned(),
    ];
    for ((name, sql_type), not_null) in options.added().iter().zip(types).zip([true, false, true]) {
        let type_oid = work.type_oid(&sql_type).await?;
        let fits = archive_table.column(name).is_some_and(|column| {
            Some(column.type_oid) == type_oid
                && column.not_null == not_null
                && !column.generated
                && column.identity.is_empty()
        });
        if !fits {
            return Err(DbErr::Migration(format!(
                "{} does not fit as the archive table of {}: it needs a column \"{name}\" {sql_type}{}",
                archive_table.id,
                active.id,
                if not_null { " NOT NULL" } else { ", nullable" }
            )));
        }
    }
    Ok(())
}
