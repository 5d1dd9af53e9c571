//! Temporal foreign keys after a rename of their columns or tables.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_migration::DbErr;

use super::{
    register::{self, Event, Registered},
    statement::ForeignKey,
};
use crate::{
    archive_table::privileges,
    history::{model::History, register as histories},
    work::Work,
};

/// Writes renamed columns of histories and of the children of temporal foreign keys into the registers, and replaces the
/// functions of the foreign keys whose text is different now.
///
/// Only their tables are locked. A foreign key that lost a column for good keeps its functions, which refuse every write and
/// name the column.
pub(crate) async fn follow_renames(work: &Work) -> Result<(), DbErr> {
    if !histories::is_installed(work).await? {
        return Ok(());
    }
    work.run("SELECT archive.follow_renames()").await?;
    for registered in register::live(work).await? {
        let Some((child, history)) = described(work, &registered).await? else {
            continue;
        };
        let foreign_key = registered.with(&child, &history);
        if is_current(work, &foreign_key).await? {
            continue;
        }
        for table in [&child.id, &history.id] {
            work.existing_table(&table.sql()).await?;
        }
        // A rename may have been committed before the lock was acquired.
        work.run("SELECT archive.follow_renames()").await?;
        let Some(registered) = register::get(work, registered.id).await? else {
            continue;
        };
        let Some((child, history)) = described(work, &registered).await? else {
            continue;
        };
        registered
            .with(&child, &history)
            .create_triggers(work)
            .await?;
        privileges::make_triggers_private(work).await?;
    }
    Ok(())
}

impl Registered {
    fn with<'a>(&'a self, child: &'a Table, history: &'a History) -> ForeignKey<'a> {
        ForeignKey {
            id: self.id,
            name: &self.name,
            child,
            history,
            columns: &self.columns,
            time: &self.time,
        }
    }
}

/// Its tables; `None` where they no longer have its columns.
async fn described(
    work: &Work,
    registered: &Registered,
) -> Result<Option<(Table, History)>, DbErr> {
    let child = work.table(&registered.child_sql).await?;
    let table = work.table(&registered.history_sql).await?;
    let (Some(child), Some(table)) = (child, table) else {
        return Ok(None);
    };
    let Some(history) = histories::describe(work, &table.id).await? else {
        return Ok(None);
    };
    let has = |table: &Table, name: &String| table.column(name).is_some();
    let is_complete = registered
        .columns
        .iter()
        .chain(&registered.time)
        .all(|name| has(&child, name))
        && history
            .identity_names()
            .iter()
            .chain([&history.valid_from, &history.valid_to])
            .all(|name| has(&table, name));
    Ok(is_complete.then_some((child, history)))
}

/// Whether its functions have the text that they would be created with now.
async fn is_current(work: &Work, foreign_key: &ForeignKey<'_>) -> Result<bool, DbErr> {
    for event in Event::ALL {
        let rows = work
            .rows(
                "SELECT f.prosrc FROM pg_catalog.pg_proc AS f
                 WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace AND f.proname = $1::text",
                [event.name(foreign_key.name, foreign_key.id).into()],
            )
            .await?;
        let source: Option<String> = rows
            .first()
            .map(|row| row.try_get("", "prosrc"))
            .transpose()?;
        let [function, _] = foreign_key.statements(event);
        if !source.is_some_and(|source| function.contains(&source)) {
            return Ok(false);
        }
    }
    Ok(true)
}
