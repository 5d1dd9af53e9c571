//! Triggers of the application, which do not fire while rows of certain tables move.

mod definition;
mod options;

use sea_orm_archive_postgres::{catalog::TableId, schema};
use sea_orm_migration::DbErr;

use crate::{
    archive_table::register,
    name::{self, literal, quote},
    work::Work,
};
use definition::Definition;
pub use options::SuspendedTrigger;

/// A trigger as the catalog describes it.
struct Found {
    definition: String,
    /// `pg_trigger.tgenabled`.
    enabled: String,
    comment: Option<String>,
    /// The extensions that it is dropped with.
    extensions: Vec<String>,
    /// A constraint trigger, which CREATE OR REPLACE does not replace.
    constraint: bool,
    /// The table as SQL.
    table: String,
}

/// Adds the condition to the trigger, to those that it has.
pub(crate) async fn suspend(work: &Work, trigger: &SuspendedTrigger) -> Result<(), DbErr> {
    register::require(work).await?;
    let table = work.existing_table(&name::table(&trigger.table)?).await?;
    let found = find(work, &table.id.sql(), &trigger.name).await?;
    let mut moving = Vec::new();
    for earlier in read(&found, &trigger.name)?.moving {
        moving.push(work.existing_table(&earlier).await?.id.sql());
    }
    let mut wanted = Vec::new();
    for other in &trigger.while_moving {
        wanted.push(work.existing_table(&name::table(other)?).await?.id);
    }
    if wanted.is_empty() {
        wanted.push(table.id);
    }
    for other in wanted {
        refuse_unmoved(work, &other).await?;
        if !moving.contains(&other.sql()) {
            moving.push(other.sql());
        }
    }
    define(work, &trigger.name, found, &moving).await
}

/// Refuses a table that no archive and no restore writes to: the trigger would never be suspended.
async fn refuse_unmoved(work: &Work, table: &TableId) -> Result<(), DbErr> {
    let row = work.row(schema::IS_MOVED, [table.sql().into()]).await?;
    if row.try_get("", "is_moved")? {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "rows of {table} never move: it has no archive table, and no foreign key to a table that has one. Name a table that has, with \
         `.while_moving(..)`, or call `manager.archive_existing_table(..)` first"
    )))
}

fn read(found: &Found, trigger: &str) -> Result<Definition, DbErr> {
    Definition::parse(&found.definition).ok_or_else(|| {
        DbErr::Migration(format!(
            "the definition of the trigger {} cannot be read: {}",
            quote(trigger),
            found.definition
        ))
    })
}

/// Refuses while a trigger has such a condition, which calls a function of the archive.
pub(crate) async fn refuse_suspended(work: &Work) -> Result<(), DbErr> {
    let rows = work.rows(schema::SUSPENDED, []).await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let (name, table): (String, String) = (row.try_get("", "name")?, row.try_get("", "table")?);
    let trigger: String = row.try_get("", "trigger")?;
    Err(DbErr::Migration(format!(
        "the condition of the trigger {} on {name} calls archive.is_moving: call `manager.resume_trigger({table:?}, {trigger:?})` \
         first, or drop the trigger",
        quote(&trigger)
    )))
}

/// Removes the condition from the trigger.
pub(crate) async fn resume(work: &Work, table: &str, trigger: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    let table = work.existing_table(table).await?;
    let found = find(work, &table.id.sql(), trigger).await?;
    define(work, trigger, found, &[]).await
}

async fn find(work: &Work, table: &str, trigger: &str) -> Result<Found, DbErr> {
    let rows = work
        .rows(schema::TRIGGER, [table.into(), trigger.into()])
        .await?;
    let Some(row) = rows.first() else {
        return Err(DbErr::Migration(format!(
            "{table} has no trigger {}: create it first, or correct the name",
            quote(trigger)
        )));
    };
    let refused: Option<String> = row.try_get("", "refused")?;
    if let Some(reason) = refused {
        return Err(DbErr::Migration(format!(
            "the trigger {} of {table} {reason}",
            quote(trigger)
        )));
    }
    Ok(Found {
        definition: row.try_get("", "definition")?,
        enabled: row.try_get("", "enabled")?,
        comment: row.try_get("", "comment")?,
        extensions: row.try_get("", "extensions")?,
        constraint: row.try_get("", "is_constraint")?,
        table: table.to_owned(),
    })
}

/// Creates the trigger again with these conditions and no others of this kind. Everything else of it stays.
///
/// Race: the statement locks the table against writes, so no row is written without the trigger.
async fn define(work: &Work, trigger: &str, found: Found, moving: &[String]) -> Result<(), DbErr> {
    let definition = read(&found, trigger)?;
    let wanted = definition.suspended_while(moving);
    if wanted == definition.suspended_while(&definition.moving) {
        return Ok(());
    }
    let (name, table) = (quote(trigger), &found.table);
    if found.constraint {
        work.run(&format!("DROP TRIGGER {name} ON {table}; {wanted};"))
            .await?;
    } else {
        let wanted = wanted.replacen("CREATE ", "CREATE OR REPLACE ", 1);
        work.run(&wanted).await?;
    }
    let mode = match found.enabled.as_str() {
        "A" => "ENABLE ALWAYS",
        "R" => "ENABLE REPLICA",
        "D" => "DISABLE",
        _ => "ENABLE",
    };
    work.run(&format!("ALTER TABLE {table} {mode} TRIGGER {name}"))
        .await?;
    for extension in found.extensions {
        let extension = quote(&extension);
        work.run(&format!(
            "ALTER TRIGGER {name} ON {table} DEPENDS ON EXTENSION {extension}"
        ))
        .await?;
    }
    if let Some(comment) = found.comment {
        let comment = literal(&comment);
        work.run(&format!(
            "COMMENT ON TRIGGER {name} ON {table} IS {comment}"
        ))
        .await?;
    }
    Ok(())
}
