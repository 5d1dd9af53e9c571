//! Making the twin of a table.

use sea_orm_archive_postgres::catalog::{Table, TableId, Twin};
use sea_orm_archive_postgres::compare::{Difference, differences, list};
use sea_orm_migration::DbErr;

use crate::{
    archive_table::{index, options::TwinOptions, privileges, register, sequence},
    name::{self, quote, quote_all},
    work::Work,
};

/// Gives `active` its twin, unless it has the one that `options` describe already.
pub(crate) async fn ensure(
    work: &Work,
    active: &Table,
    options: &TwinOptions,
) -> Result<(), DbErr> {
    refuse_unfit(work, active, options).await?;
    register::forget_dropped(work).await?;
    match &active.twin {
        Some(twin) => verify_registered(work, active, twin, options).await?,
        None => {
            let twin = find_or_create(work, active, options).await?;
            register::add(work, &active.id, &twin, options).await?;
        }
    }
    let registered = work.existing_table(&active.id.sql()).await?;
    if let Some(twin) = &registered.twin {
        index::create_missing(work, &registered, twin).await?;
        if active.twin.is_none() {
            privileges::copy_to_new(work, &active.id, &twin.id).await?;
        }
    }
    sequence::own(work, active).await
}

/// Refuses the tables that cannot have a twin.
async fn refuse_unfit(work: &Work, active: &Table, options: &TwinOptions) -> Result<(), DbErr> {
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
            "has tables that inherit from it, whose rows a twin could not tell from its own: \
                       use partitions, or archive the inheriting tables"
                .to_owned(),
        );
    }
    if active.key.is_empty() {
        return refuse(
            "has no primary key, so no archived row could be told from another: add one first"
                .to_owned(),
        );
    }
    if let Some(other) = register::active_of(work, table).await? {
        return refuse(format!("is itself the twin of {other}"));
    }
    let added = options.added();
    for (position, column) in added.iter().enumerate() {
        name::check(column)?;
        if added[..position].contains(column) {
            return refuse(format!("cannot have two added columns called \"{column}\""));
        }
        if active.twin.is_none() && active.column(column).is_some() {
            return refuse(format!(
                "has a column \"{column}\" of its own: give the twin's another name with \
                 `.deleted_at_column(..)`, `.deleted_by_column(..)` or `.archival_id_column(..)`, and the entity \
                 the same one with `#[archive(..)]`"
            ));
        }
    }
    Ok(())
}

/// Checks that the twin that is registered is the one that is asked for.
async fn verify_registered(
    work: &Work,
    active: &Table,
    twin: &Twin,
    options: &TwinOptions,
) -> Result<(), DbErr> {
    let name = options.twin_of(&active.id.table)?;
    let registered = [&twin.deleted_at, &twin.deleted_by, &twin.archival_id].map(String::as_str);
    if twin.id.table != name || registered != options.added() {
        return Err(DbErr::Migration(format!(
            "{} has the twin {} with the columns {} already, and not \"{name}\" with {}",
            active.id,
            twin.id,
            quote_all(registered),
            quote_all(options.added()),
        )));
    }
    let table = work.existing_table(&twin.id.sql()).await?;
    let differences = differences(active, &table, &options.added());
    if differences.is_empty() {
        return verify_added(work, active, &table, options).await;
    }
    Err(DbErr::Migration(format!(
        "the archive table {} no longer fits {}: {}; {}",
        twin.id,
        active.id,
        list(&differences),
        match differences
            .iter()
            .find(|difference| !difference.is_synced())
        {
            None => "call `manager.sync_archived_table(..)`".to_owned(),
            Some(first) => first.finding(&active.id, &twin.id).to_string(),
        }
    )))
}

/// The table that the options call the twin, where there is one that fits; a new one otherwise.
async fn find_or_create(
    work: &Work,
    active: &Table,
    options: &TwinOptions,
) -> Result<TableId, DbErr> {
    let name = options.twin_of(&active.id.table)?;
    name::check(&name)?;
    let twin = format!("{}.{}", quote(&active.id.schema), quote(&name));
    match work.table(&twin).await? {
        Some(found) => verify_found(work, active, &found, options).await?,
        None => create(work, active, &name, options).await?,
    }
    Ok(work.existing_table(&twin).await?.id)
}

/// Creates the twin.
///
/// A plain LIKE copies names, types, collations, order and NOT NULL, and leaves out what would change
/// a row on its way in or keep it out: identity, generation, defaults, checks and unique indexes.
async fn create(
    work: &Work,
    active: &Table,
    name: &str,
    options: &TwinOptions,
) -> Result<(), DbErr> {
    let schema = &active.id.schema;
    let twin = format!("{}.{}", quote(schema), quote(name));
    let key = quote_all(active.key.iter().map(|column| column.name.as_str()));
    work.run(&format!("CREATE TABLE {twin} (LIKE {})", active.id.sql()))
        .await?;
    work.execute(&options.add_columns(schema, name)).await?;
    work.run(&format!("ALTER TABLE {twin} ADD PRIMARY KEY ({key})"))
        .await
}

/// Refuses a table that has the twin's name and is not its twin.
async fn verify_found(
    work: &Work,
    active: &Table,
    found: &Table,
    options: &TwinOptions,
) -> Result<(), DbErr> {
    let mut differences = differences(active, found, &options.added());
    // Those that it lacks it gets with the grants.
    differences.retain(|difference| !matches!(difference, Difference::RowSecurity));
    if !differences.is_empty() {
        return Err(DbErr::Migration(format!(
            "there is a {} already, and it does not fit as the twin of {}: {}; rename it, change it to fit, or give \
             the twin another name with `.twin(\"..\")`",
            found.id,
            active.id,
            list(&differences)
        )));
    }
    if let Some(other) = register::active_of(work, &found.id).await? {
        return Err(DbErr::Migration(format!(
            "{} is the twin of {other} and cannot be that of {} too: give it another one with `.twin(\"..\")`",
            found.id, active.id
        )));
    }
    verify_added(work, active, found, options).await
}

/// Checks the three columns that a twin adds.
async fn verify_added(
    work: &Work,
    active: &Table,
    twin: &Table,
    options: &TwinOptions,
) -> Result<(), DbErr> {
    let types = [
        "timestamp with time zone".to_owned(),
        options.deleted_by_type(),
        "bigint".to_owned(),
    ];
    for ((name, sql_type), not_null) in options.added().iter().zip(types).zip([true, false, true]) {
        let type_oid = work.type_oid(&sql_type).await?;
        let fits = twin.column(name).is_some_and(|column| {
            Some(column.type_oid) == type_oid
                && column.not_null == not_null
                && !column.generated
                && column.identity.is_empty()
        });
        if !fits {
            return Err(DbErr::Migration(format!(
                "{} does not fit as the twin of {}: it needs a column \"{name}\" {sql_type}{}",
                twin.id,
                active.id,
                if not_null { " NOT NULL" } else { ", nullable" }
            )));
        }
    }
    Ok(())
}
