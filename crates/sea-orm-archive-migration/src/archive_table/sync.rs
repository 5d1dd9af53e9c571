//! Bringing the archive table in line with a table that was changed without the migration helpers.

use std::collections::HashMap;

use sea_orm_archive_postgres::catalog::{ArchiveTable, Column, Table, TableId};
use sea_orm_archive_postgres::compare::{CLASH, Difference, differences};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::index,
    name::{quote, quote_all},
    work::Work,
};

/// How a column of the table is added to its archive table.
struct Definition {
    sql_type: String,
    /// The default or generation expression that fills it for rows that are already archived.
    source: Option<String>,
}

/// Changes the archive table so that its columns, its key and its indexes are those that `active` needs.
pub(crate) async fn columns(
    work: &Work,
    active: &Table,
    archive_table: &ArchiveTable,
) -> Result<(), DbErr> {
    let added = [
        &archive_table.deleted_at,
        &archive_table.deleted_by,
        &archive_table.archival_id,
    ]
    .map(String::as_str);
    refuse_clash(active, &archive_table.id, &added)?;
    let table = work.existing_table(&archive_table.id.sql()).await?;
    let definitions = definitions(work, active).await?;
    let mut differences = differences(active, &table, &added);
    if let Some(difference) = differences.iter().find(|found| !found.is_synced()) {
        let problem = difference
            .finding(&active.id, &archive_table.id)
            .to_string();
        return Err(DbErr::Migration(problem));
    }
    differences.sort_by_key(order);
    for difference in &differences {
        resolve(work, active, &table, difference, &definitions).await?;
    }
    drop_defaults(work, &table, active).await?;
    index::create_missing(work, active, archive_table).await
}

/// First what is dropped, then types, then new columns, with generated ones after those that they are computed from, and
/// constraints last.
fn order(difference: &Difference) -> u8 {
    match difference {
        Difference::ForeignKey(_) => 0,
        Difference::Extra(_) => 1,
        Difference::NotPlain(_) => 2,
        Difference::Type { .. } => 3,
        Difference::Missing(column) if !column.generated => 4,
        Difference::Missing(_) => 5,
        Difference::NotNull { .. } => 6,
        Difference::Key(_) => 7,
        _ => 8,
    }
}

async fn resolve(
    work: &Work,
    active: &Table,
    archive_table: &Table,
    difference: &Difference,
    definitions: &HashMap<String, Definition>,
) -> Result<(), DbErr> {
    let alter = format!("ALTER TABLE {}", archive_table.id.sql());
    match difference {
        Difference::ForeignKey(name) => {
            work.run(&format!("{alter} DROP CONSTRAINT {}", quote(name)))
                .await
        }
        Difference::Extra(column) => drop_empty(work, active, archive_table, column).await,
        Difference::NotPlain(column) => {
            let name = quote(&column.name);
            let generator = if column.generated {
                "EXPRESSION"
            } else {
                "IDENTITY"
            };
            work.run(&format!("{alter} ALTER COLUMN {name} DROP {generator}"))
                .await
        }
        Difference::Type { active: column, .. } => {
            let definition = &definitions[&column.name];
            change_type(work, active, archive_table, column, definition).await
        }
        Difference::Missing(column) => {
            let definition = &definitions[&column.name];
            add(work, active, archive_table, column, definition).await
        }
        Difference::NotNull {
            column,
            not_null: false,
        } => {
            let name = quote(column);
            work.run(&format!("{alter} ALTER COLUMN {name} DROP NOT NULL"))
                .await
        }
        Difference::NotNull {
            column,
            not_null: true,
        } => set_not_null(work, active, archive_table, column).await,
        Difference::Key(columns) => change_key(work, archive_table, columns).await,
        Difference::Persistence => work.run(&format!("{alter} SET LOGGED")).await,
        // Row security is added with the grants; the other differences were refused.
        _ => Ok(()),
    }
}

/// Adds a column, and fills it for the archived rows as ALTER TABLE fills it for active ones.
async fn add(
    work: &Work,
    active: &Table,
    archive_table: &Table,
    column: &Column,
    definition: &Definition,
) -> Result<(), DbErr> {
    let rows = work.count(&archive_table.id.sql(), "true").await?;
    if column.not_null && definition.source.is_none() && rows > 0 {
        return Err(DbErr::Migration(format!(
            "{active} has a column \"{name}\" that is NOT NULL and has no default, so it has no value in \
             the {rows} rows of {archive_table}: add it with a default, or add it to {archive_table} and fill it there, then call \
             `manager.sync_archived_table(..)`",
            active = active.id,
            archive_table = archive_table.id,
            name = column.name,
        )));
    }
    let alter = format!("ALTER TABLE {}", archive_table.id.sql());
    let (name, sql_type) = (quote(&column.name), &definition.sql_type);
    let source = definition.source.as_deref().unwrap_or_default();
    let not_null = if column.not_null { "NOT NULL" } else { "" };
    work.run(&format!(
        "{alter} ADD COLUMN {name} {sql_type} {source} {not_null}"
    ))
    .await?;
    // It was for the existing rows. Rows that are archived later have a value.
    let generator = match (&definition.source, column.generated) {
        (None, _) => return Ok(()),
        (Some(_), true) => "EXPRESSION",
        (Some(_), false) => "DEFAULT",
    };
    work.run(&format!("{alter} ALTER COLUMN {name} DROP {generator}"))
        .await
}

async fn change_type(
    work: &Work,
    active: &Table,
    archive_table: &Table,
    column: &Column,
    definition: &Definition,
) -> Result<(), DbErr> {
    let (name, sql_type) = (quote(&column.name), &definition.sql_type);
    let archive_table_name = archive_table.id.sql();
    work.run(&format!(
        "ALTER TABLE {archive_table_name} ALTER COLUMN {name} TYPE {sql_type}"
    ))
    .await
    .map_err(|error| {
        DbErr::Migration(format!(
            "the column \"{}\" of {} is {sql_type} now, and the rows of {} cannot be converted automatically; \
             convert them with ALTER TABLE {archive_table_name} ALTER COLUMN {name} TYPE {sql_type} USING ..: {error}",
            column.name, active.id, archive_table.id
        ))
    })
}

/// Drops a column that the table no longer has, unless an archived row has a value in it.
async fn drop_empty(
    work: &Work,
    active: &Table,
    archive_table: &Table,
    column: &str,
) -> Result<(), DbErr> {
    let name = quote(column);
    // IS NOT NULL is false for a composite value that contains a NULL.
    let values = work
        .count(
            &archive_table.id.sql(),
            &format!("{name} IS DISTINCT FROM NULL"),
        )
        .await?;
    if values > 0 {
        return Err(DbErr::Migration(format!(
            "{} no longer has a column \"{column}\", but {values} rows of {} have a value there, which dropping it \
             would lose: if the column was renamed, rename it in the archive table too; otherwise save or clear it, or drop it from the archive table, or add it to the table again",
            active.id, archive_table.id
        )));
    }
    work.run(&format!(
        "ALTER TABLE {} DROP COLUMN {name}",
        archive_table.id.sql()
    ))
    .await
}

async fn set_not_null(
    work: &Work,
    active: &Table,
    archive_table: &Table,
    column: &str,
) -> Result<(), DbErr> {
    let name = quote(column);
    let empty = work
        .count(&archive_table.id.sql(), &format!("{name} IS NULL"))
        .await?;
    if empty > 0 {
        return Err(DbErr::Migration(format!(
            "the column \"{column}\" of {} is NOT NULL now, but {empty} rows of {} are NULL there and could not be \
             restored: fill them in {} first",
            active.id, archive_table.id, archive_table.id
        )));
    }
    work.run(&format!(
        "ALTER TABLE {} ALTER COLUMN {name} SET NOT NULL",
        archive_table.id.sql()
    ))
    .await
}

async fn change_key(work: &Work, archive_table: &Table, columns: &[String]) -> Result<(), DbErr> {
    // Dropping a column of the key may have dropped the key with it.
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname) AS statement
         FROM pg_catalog.pg_constraint AS k
         JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE k.conrelid = $1::bigint::oid AND k.contype = 'p'",
        [archive_table.id.oid.into()],
    )
    .await?;
    let key = quote_all(columns.iter().map(String::as_str));
    work.run(&format!(
        "ALTER TABLE {} ADD PRIMARY KEY ({key})",
        archive_table.id.sql()
    ))
    .await
}

/// A default on the archive table could only replace a missing value of an archived row with a wrong one.
async fn drop_defaults(work: &Work, archive_table: &Table, active: &Table) -> Result<(), DbErr> {
    let columns: Vec<_> = active.columns.iter().map(|c| c.name.clone()).collect();
    work.run_each(
        "SELECT pg_catalog.format('ALTER TABLE %I.%I ALTER COLUMN %I DROP DEFAULT', n.nspname, c.relname, a.attname)
                    AS statement
         FROM pg_catalog.pg_attrdef AS d
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = ''
         JOIN pg_catalog.pg_class AS c ON c.oid = d.adrelid
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE d.adrelid = $1::bigint::oid AND a.attname::text = ANY ($2)",
        [archive_table.id.oid.into(), columns.into()],
    )
    .await
}

pub(crate) fn refuse_clash(
    active: &Table,
    archive_table: &TableId,
    added: &[&str],
) -> Result<(), DbErr> {
    match added.iter().find(|name| active.column(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(DbErr::Migration(format!(
            "{} has a column \"{name}\", and its archive table {} adds one of that name: {CLASH}",
            active.id, archive_table
        ))),
    }
}

async fn definitions(work: &Work, active: &Table) -> Result<HashMap<String, Definition>, DbErr> {
    let rows = work
        .rows(schema::archive_table::DEFINITIONS, [active.id.oid.into()])
        .await?;
    rows.iter()
        .map(|row| {
            let definition = Definition {
                sql_type: row.try_get("", "type")?,
                source: row.try_get("", "source")?,
            };
            Ok((row.try_get("", "column_name")?, definition))
        })
        .collect()
}
