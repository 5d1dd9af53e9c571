//! Creating and dropping a temporal foreign key.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_migration::DbErr;

use super::{
    TemporalForeignKey,
    follow::follow_renames,
    register::{self, Event, Registered},
    statement::ForeignKey,
};
use crate::{
    archive_table::{index, privileges},
    feature,
    history::{model::History, register as histories},
    name::{self, derived, quote, quote_all},
    table_names, tenancy,
    work::Work,
};

/// Creates the foreign key that `wanted` describes, or replaces its functions where it exists, and checks the rows.
pub(crate) async fn create(work: &Work, wanted: &TemporalForeignKey) -> Result<(), DbErr> {
    histories::require(work).await?;
    feature::forget_dropped(work).await?;
    follow_renames(work).await?;
    let history_name = name::table(wanted.complete()?)?;
    let child = existing_table(work, &name::table(&wanted.child)?).await?;
    let table = existing_table(work, &history_name).await?;
    let Some(history) = histories::find(work, &table.id).await? else {
        return Err(DbErr::Migration(format!(
            "{} is not registered as a history: call `manager.create_history_table(..)`, which also registers an \
             existing table",
            table.id
        )));
    };
    verify(wanted, &child, &history, &table)?;
    let name = constraint_name(work, wanted, &child, &table.id).await?;
    table_names::follow(work, &child.id).await?;
    register::take_over(work, &child.id, &name, Some(&table.id)).await?;
    let id = register_once(work, wanted, &child, &history, &name).await?;
    let foreign_key = ForeignKey {
        id,
        name: &name,
        child: &child,
        history: &history,
        columns: &wanted.columns,
        time: &wanted.time,
    };
    refuse_others_code(work, &foreign_key).await?;
    tenancy::refuse_unseen(work, vec![child.id.oid]).await?;
    refuse_unmatched(work, &foreign_key).await?;
    create_index(work, &foreign_key).await?;
    foreign_key.create_triggers(work).await?;
    privileges::make_triggers_private(work).await?;
    tenancy::refresh_foreign_keys(work).await
}

/// The table of this name, locked against writes.
async fn existing_table(work: &Work, name: &str) -> Result<Table, DbErr> {
    let found = work.table(name).await?;
    let is_table = found.is_some_and(|table| ["r", "p"].contains(&table.kind.as_str()));
    if !is_table {
        return Err(DbErr::Migration(format!("there is no table {name}")));
    }
    work.existing_table(name).await
}

/// The declared name, that of the foreign key that exists, or one derived from the table and its columns. A foreign key whose
/// columns were renamed keeps its name.
async fn constraint_name(
    work: &Work,
    wanted: &TemporalForeignKey,
    child: &Table,
    history: &TableId,
) -> Result<String, DbErr> {
    if let Some(name) = &wanted.name {
        name::check(name)?;
        return Ok(name.clone());
    }
    if let Some(found) =
        register::same(work, &child.id, history, &wanted.columns, &wanted.time).await?
    {
        return Ok(found.name);
    }
    let columns: Vec<_> = [&child.id.table]
        .into_iter()
        .chain(&wanted.columns)
        .chain(&wanted.time)
        .map(String::as_str)
        .collect();
    Ok(derived(&columns.join("_"), "_fkey"))
}

/// Refuses a child whose rows the triggers could not all check, or whose columns do not fit the history.
fn verify(
    wanted: &TemporalForeignKey,
    child: &Table,
    history: &History,
    table: &Table,
) -> Result<(), DbErr> {
    let refuse = |reason: String| Err(DbErr::Migration(format!("{} {reason}", child.id)));
    if child.is_partition {
        return refuse(
            "is a partition: give the foreign key to the partitioned table, which has all its rows"
                .to_owned(),
        );
    }
    if child.has_inheritors {
        return refuse(
            "has tables that inherit from it, whose rows the foreign key would not check: use partitions"
                .to_owned(),
        );
    }
    let identity = history.identity_names();
    if identity.len() != wanted.columns.len() {
        return refuse(format!(
            "refers to {} with {} column(s), whose identity has {}: {}",
            history.id,
            wanted.columns.len(),
            identity.len(),
            identity.join(", ")
        ));
    }
    let pairs = wanted.columns.iter().zip(identity.iter());
    let times = wanted.time.iter().map(|time| (time, &history.valid_from));
    for (column, target) in pairs.chain(times) {
        verify_type(child, column, table, target)?;
    }
    Ok(())
}

fn verify_type(child: &Table, column: &str, table: &Table, target: &str) -> Result<(), DbErr> {
    let Some(found) = child.column(column) else {
        return Err(DbErr::Migration(format!(
            "{} has no column \"{column}\"",
            child.id
        )));
    };
    match table.column(target) {
        Some(target) if found.type_oid == target.type_oid => Ok(()),
        Some(target) => Err(DbErr::Migration(format!(
            "{}.\"{column}\" is {}, and {}.\"{}\" is {}: a temporal foreign key needs the same type on both sides",
            child.id, found.sql_type, table.id, target.name, target.sql_type
        ))),
        None => Err(DbErr::Migration(format!(
            "{} no longer has the column \"{target}\", with which it is registered",
            table.id
        ))),
    }
}

/// The id of the foreign key, which is registered if it does not exist yet.
async fn register_once(
    work: &Work,
    wanted: &TemporalForeignKey,
    child: &Table,
    history: &History,
    name: &str,
) -> Result<i64, DbErr> {
    let Some(found) = register::find(work, &child.id, name).await? else {
        return register::add(
            work,
            &child.id,
            name,
            &history.id,
            &wanted.columns,
            &wanted.time,
        )
        .await;
    };
    if (found.history, &found.columns, &found.time)
        == (history.id.oid, &wanted.columns, &wanted.time)
    {
        return Ok(found.id);
    }
    Err(DbErr::Migration(format!(
        "{} already has a temporal foreign key \"{name}\", of ({}) at ({}): give this one another name with \
         `.name(\"..\")`, or drop the other one first",
        child.id,
        found.columns.join(", "),
        found.time.join(", ")
    )))
}

/// Refuses tables that run code of other roles: the triggers run as their owner, and would refuse every write.
async fn refuse_others_code(work: &Work, foreign_key: &ForeignKey<'_>) -> Result<(), DbErr> {
    let history = foreign_key.history;
    for table in [&foreign_key.child.id, &history.id, &history.identity] {
        work.rows(
            "SELECT archive.require_trusted($1::bigint::oid::regclass)",
            [table.oid.into()],
        )
        .await?;
    }
    Ok(())
}

impl ForeignKey<'_> {
    /// Creates its functions and triggers, or replaces them.
    pub(crate) async fn create_triggers(&self, work: &Work) -> Result<(), DbErr> {
        for event in Event::ALL {
            for statement in self.statements(event) {
                work.run(&statement).await?;
            }
        }
        Ok(())
    }
}

async fn refuse_unmatched(work: &Work, foreign_key: &ForeignKey<'_>) -> Result<(), DbErr> {
    let tables = [&foreign_key.child.id, &foreign_key.history.id].map(|table| table.sql());
    let forced = work.unforce_all(tables.to_vec()).await?;
    let rows = work.rows(&foreign_key.unmatched(), []).await?;
    work.force_all(forced).await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let text = |column: &str| row.try_get::<String>("", column);
    Err(DbErr::Migration(format!(
        "{} cannot have the temporal foreign key \"{}\": its row {} refers to {} {}, and {} has no version of it \
         then; add the version or correct the row first",
        foreign_key.child.id,
        foreign_key.name,
        text("culprit")?,
        text("identity")?,
        text("time")?,
        foreign_key.history.id,
    )))
}

/// Creates the index that finds the rows that need a version.
async fn create_index(work: &Work, foreign_key: &ForeignKey<'_>) -> Result<(), DbErr> {
    let columns: Vec<String> = foreign_key
        .columns
        .iter()
        .chain(foreign_key.time.first())
        .cloned()
        .collect();
    let child = &foreign_key.child.id;
    if index::exists(work, child.oid, &columns).await? {
        return Ok(());
    }
    work.run(&format!(
        "CREATE INDEX {} ON {} ({})",
        quote(&index_name(foreign_key.name, foreign_key.id)),
        child.sql(),
        quote_all(columns.iter().map(String::as_str))
    ))
    .await
}

/// The name of the index. It contains the id, because another table may have a foreign key of the same name.
fn index_name(name: &str, id: i64) -> String {
    derived(name, &format!("_{id}_idx"))
}

/// Drops the foreign key of `child` called `name`, if it exists, with the index that was created for it.
pub(crate) async fn drop_one(work: &Work, child: &str, name: &str) -> Result<(), DbErr> {
    if !histories::is_installed(work).await? {
        return Ok(());
    }
    feature::forget_dropped(work).await?;
    let Some(child) = work.table(child).await? else {
        return Ok(());
    };
    register::take_over(work, &child.id, name, None).await?;
    table_names::accept(work, &child.id).await?;
    let Some(found) = register::find(work, &child.id, name).await? else {
        return Ok(());
    };
    register::remove(work, &found).await?;
    drop_index(work, &child, &found).await
}

async fn drop_index(work: &Work, child: &Table, foreign_key: &Registered) -> Result<(), DbErr> {
    work.run_each(
        "SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname) AS statement
         FROM pg_catalog.pg_index AS i
         JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE i.indrelid = $1::bigint::oid AND c.relname = $2::text
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid)",
        [
            child.id.oid.into(),
            index_name(&foreign_key.name, foreign_key.id).into(),
        ],
    )
    .await
}
