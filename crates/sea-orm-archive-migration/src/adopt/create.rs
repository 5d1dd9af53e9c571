//! The archive tables of an adoption.
//!
//! An archive table adds `deleted_at` and `deleted_by`, which the marked table usually has itself. So the added columns have other names
//! until the marking columns are dropped.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table};
use sea_orm_migration::{
    DbErr,
    sea_query::{Alias, ColumnType, IntoIden},
};

use crate::{
    adopt::subject::Subject,
    archive_table::{create, options::ArchiveTableOptions, verbs},
    work::Work,
};

/// Creates the archive tables that do not exist yet.
pub(crate) async fn archive_tables(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    for subject in subjects {
        let wanted = options(subject)?;
        let mut present = present(subject, &wanted);
        if let Some(sql_type) = type_of_person(work, subject, &present).await? {
            present.deleted_by_type = custom(sql_type);
        }
        verbs::adopt(work, &subject.declared.table.table, &present).await?;
    }
    Ok(())
}

/// The type of the person in the archive table that there is, where the migration declares none and names no such column: in another call for a table that is
/// adopted already, that column no longer exists.
async fn type_of_person(
    work: &Work,
    subject: &Subject,
    options: &ArchiveTableOptions,
) -> Result<Option<String>, DbErr> {
    let is_default = matches!(options.deleted_by_type, ColumnType::BigInteger);
    let Some(archive_table) = &subject.table.archive_table else {
        return Ok(None);
    };
    if !is_default || subject.declared.deleted_by.is_some() {
        return Ok(None);
    }
    let found = work.table(&archive_table.id.sql()).await?;
    Ok(found.and_then(|table| Some(table.column(&archive_table.deleted_by)?.sql_type.clone())))
}

fn custom(sql_type: String) -> ColumnType {
    ColumnType::Custom(Alias::new(sql_type).into_iden())
}

/// Refuses what [`archive_tables`] would, and locks and changes nothing.
pub(crate) async fn refuse_unfit(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    for subject in subjects {
        let wanted = options(subject)?;
        let present = present(subject, &wanted);
        create::refuse_unfit(work, &subject.table, &present).await?;
        match subject.table.archive_table {
            Some(_) => refuse_left_behind(work, &subject.table).await?,
            None => drop(create::is_present(work, &subject.table, &present).await?),
        }
    }
    Ok(())
}

/// Refuses an archive table that lacks what a later migration changed of its table.
pub(crate) async fn refuse_left_behind(work: &Work, table: &Table) -> Result<(), DbErr> {
    let Some(archive_table) = &table.archive_table else {
        return Ok(());
    };
    match work.table(&archive_table.id.sql()).await? {
        Some(found) => create::refuse_different(table, &found, &added(archive_table)),
        None => Ok(()),
    }
}

/// The archive table as it is in the end.
pub(crate) fn options(subject: &Subject) -> Result<ArchiveTableOptions, DbErr> {
    let mut options = subject.declared.table.archive_table.clone();
    let dropped = subject.dropped_columns();
    let stays = |name: &&str| {
        subject.table.column(name).is_some() && !dropped.iter().any(|column| column == name)
    };
    if let Some(name) = options.added().into_iter().find(stays) {
        return Err(DbErr::Migration(format!(
            "{} has a column \"{name}\", which the adoption does not drop: give the archive table's another name with `.deleted_at_column(..)`, \
             `.deleted_by_column(..)` or `.archival_id_column(..)`, or declare it as a mark that is dropped",
            subject.table.id
        )));
    }
    let marked = subject.declared.deleted_by.as_ref();
    let Some(column) = marked.and_then(|name| subject.table.column(name)) else {
        return Ok(options);
    };
    let sql_type = column.sql_type.clone();
    let is_default = matches!(options.deleted_by_type, ColumnType::BigInteger);
    if !is_default && options.deleted_by_type() != sql_type {
        return Err(DbErr::Migration(format!(
            "\"{}\" of {} is {sql_type}, and `deleted_by` of its archive table was declared as {}: declare the same type",
            column.name,
            subject.table.id,
            options.deleted_by_type(),
        )));
    }
    if is_default && sql_type != "bigint" {
        options.deleted_by_type = custom(sql_type);
    }
    Ok(options)
}

/// The archive table while the marking columns exist.
fn present(subject: &Subject, wanted: &ArchiveTableOptions) -> ArchiveTableOptions {
    let mut present = wanted.clone();
    if let Some(found) = &subject.table.archive_table {
        if has_names(found, &meanwhile(&subject.table, wanted)) {
            present = meanwhile(&subject.table, wanted);
        }
    } else if !subject.declared.keeps_columns {
        present = meanwhile(&subject.table, wanted);
    }
    present
}

/// The same with other names for the added columns that the table has itself.
fn meanwhile(table: &Table, wanted: &ArchiveTableOptions) -> ArchiveTableOptions {
    let mut options = wanted.clone();
    for name in [&mut options.deleted_at, &mut options.deleted_by] {
        if table.column(name).is_some() {
            *name = crate::name::derived(name, "_archive");
        }
    }
    options
}

fn has_names(found: &ArchiveTable, options: &ArchiveTableOptions) -> bool {
    added(found) == options.added()
}

fn added(found: &ArchiveTable) -> [&str; 3] {
    [&found.deleted_at, &found.deleted_by, &found.archival_id].map(String::as_str)
}
