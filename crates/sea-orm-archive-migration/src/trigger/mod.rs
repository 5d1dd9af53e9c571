//! Triggers of the application, which do not fire while rows of certain tables move.

mod definition;
mod options;

use sea_orm_archive_postgres::schema;
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
    /// A constraint trigger, which CREATE OR REPLACE does not replace.
    constraint: bool,
    /// The table as SQL.
    table: String,
}

/// Adds the condition to the trigger, in place of an earlier one.
pub(crate) async fn suspend(work: &Work, trigger: &SuspendedTrigger) -> Result<(), DbErr> {
    register::require(work).await?;
    let table = work.existing_table(&name::table(&trigger.table)?).await?;
    let found = find(work, &table.id.sql(), &trigger.name).await?;
    let mut moving = Vec::new();
    for other in &trigger.while_moving {
        moving.push(work.existing_table(&name::table(other)?).await?.id.sql());
    }
    if moving.is_empty() {
        moving.push(table.id.sql());
    }
    define(work, &trigger.name, found, &moving).await
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
        constraint: row.try_get("", "is_constraint")?,
        table: table.to_owned(),
    })
}

/// Creates the trigger again with these conditions and no others of this kind. Everything else of it stays.
///
/// Race: the statement locks the table against writes, so no row is written without the trigger.
async fn define(work: &Work, trigger: &str, found: Found, moving: &[String]) -> Result<(), DbErr> {
    let Some(definition) = Definition::parse(&found.definition, trigger) else {
        return Err(DbErr::Migration(format!(
            "the definition of the trigger {} cannot be read: {}",
            quote(trigger),
            found.definition
        )));
    };
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
    if let Some(comment) = found.comment {
        let comment = literal(&comment);
        work.run(&format!(
            "COMMENT ON TRIGGER {name} ON {table} IS {comment}"
        ))
        .await?;
    }
    Ok(())
}
