//! `archive.history_table`: the history tables, each with its identity table.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{
    history::model::{History, IdentityColumn, Time},
    name::{literal, names},
    retention, table_names,
    work::Work,
};

/// Refuses where `install_archive` has not run, or only that of an older version of this crate.
pub(crate) async fn require(work: &Work) -> Result<(), DbErr> {
    if is_installed(work).await? {
        return Ok(());
    }
    Err(DbErr::Migration(
        "the archive is not installed in this database, or by a version without history tables: call \
         `manager.install_archive()` in an earlier migration"
            .to_owned(),
    ))
}

/// Whether the registers exist.
pub(crate) async fn is_installed(work: &Work) -> Result<bool, DbErr> {
    let sql =
        "SELECT pg_catalog.to_regclass('archive.temporal_foreign_key') IS NOT NULL AS installed";
    work.row(sql, []).await?.try_get("", "installed")
}

/// Removes the histories that were dropped without the migration helpers, and whose name no table has.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    work.run("DELETE FROM archive.history_table AS r WHERE archive.is_dropped(r.history)")
        .await
}

/// Removes dropped histories that `table` replaced. Returns whether there were any.
pub(crate) async fn take_over(work: &Work, table: &TableId) -> Result<bool, DbErr> {
    let sql = "DELETE FROM archive.history_table AS r WHERE archive.is_dropped(r.history, $1::bigint::oid) RETURNING 1";
    let rows = work.rows(sql, [table.oid.into()]).await?;
    Ok(!rows.is_empty())
}

/// Registers `history`, and replaces what was registered of it before.
pub(crate) async fn put(work: &Work, history: &History) -> Result<(), DbErr> {
    let or_null = |name: Option<&String>| name.map_or("NULL".to_owned(), |name| literal(name));
    let (from, to) = match &history.recorded {
        Some((from, to)) => (Some(from), Some(to)),
        None => (None, None),
    };
    let split = history.split_columns.as_deref();
    work.run(&format!(
        "DELETE FROM archive.history_table WHERE history = {id};
         INSERT INTO archive.history_table (history, identity, identity_columns, valid_from, valid_to, range_type,
                                            recorded_from, recorded_to, recorded_by, split_columns)
         VALUES ({id}, {identity}, {columns}, {valid_from}, {valid_to}, 'pg_catalog.{range}'::pg_catalog.regtype,
                 {recorded_from}, {recorded_to}, {recorded_by}, {split_columns})",
        id = history.id.oid,
        identity = history.identity.oid,
        columns = names(&history.identity_names()),
        valid_from = literal(&history.valid_from),
        valid_to = literal(&history.valid_to),
        range = history.time.range(),
        recorded_from = or_null(from),
        recorded_to = or_null(to),
        recorded_by = or_null(history.recorded_by.as_ref()),
        split_columns = split.map_or("NULL".to_owned(), names),
    ))
    .await?;
    work.run("SELECT archive.follow_renames()").await?;
    table_names::note(work).await
}

/// Removes `history` from the register, and its retention rules.
pub(crate) async fn remove(work: &Work, history: &TableId) -> Result<(), DbErr> {
    retention::forget_versions(work, history).await?;
    work.run_with(
        "DELETE FROM archive.history_table WHERE history = $1::bigint::oid",
        [history.oid.into()],
    )
    .await
}

/// What is registered of `table`, where it is a history. Its identity table is locked against writes.
pub(crate) async fn find(work: &Work, table: &TableId) -> Result<Option<History>, DbErr> {
    let Some(row) = registered(work, table).await? else {
        return Ok(None);
    };
    let identity: String = row.try_get("", "identity")?;
    let identity = work.existing_table(&identity).await?;
    complete(work, &row, table, &identity).await.map(Some)
}

/// The same without a lock; `None` also where the identity table no longer has its key.
pub(crate) async fn describe(work: &Work, table: &TableId) -> Result<Option<History>, DbErr> {
    let Some(row) = registered(work, table).await? else {
        return Ok(None);
    };
    let identity: String = row.try_get("", "identity")?;
    let Some(identity) = work.table(&identity).await? else {
        return Ok(None);
    };
    match complete(work, &row, table, &identity).await {
        Ok(history) => Ok(Some(history)),
        Err(DbErr::Migration(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn registered(work: &Work, table: &TableId) -> Result<Option<QueryResult>, DbErr> {
    let rows = work
        .rows(schema::history::REGISTERED, [table.oid.into()])
        .await?;
    Ok(rows.into_iter().next())
}

async fn complete(
    work: &Work,
    row: &QueryResult,
    table: &TableId,
    identity: &Table,
) -> Result<History, DbErr> {
    let columns: Vec<String> = row.try_get("", "identity_columns")?;
    Ok(History {
        columns: identity_columns(work, identity, &columns).await?,
        ..read(row, table, identity.id.clone())?
    })
}

fn read(row: &QueryResult, history: &TableId, identity: TableId) -> Result<History, DbErr> {
    let from: Option<String> = row.try_get("", "recorded_from")?;
    let to: Option<String> = row.try_get("", "recorded_to")?;
    Ok(History {
        id: history.clone(),
        identity,
        columns: Vec::new(),
        time: Time::of_range(&row.try_get::<String>("", "range_type")?),
        valid_from: row.try_get("", "valid_from")?,
        valid_to: row.try_get("", "valid_to")?,
        recorded: from.zip(to),
        recorded_by: row.try_get("", "recorded_by")?,
        split_columns: row.try_get("", "split_columns")?,
    })
}

/// The columns `names` of a history, each with the column of the primary key that it refers to.
pub(crate) async fn identity_columns(
    work: &Work,
    identity: &Table,
    names: &[String],
) -> Result<Vec<IdentityColumn>, DbErr> {
    let key: Vec<_> = identity.key.iter().map(|column| &*column.name).collect();
    if key.is_empty() || key.len() != names.len() {
        return Err(DbErr::Migration(format!(
            "the primary key of {} has {} column(s) ({}), and the history refers to it with {} ({}): give one for \
             each, in the key's order",
            identity.id,
            key.len(),
            key.join(", "),
            names.len(),
            names.join(", "),
        )));
    }
    let definitions = definitions(work, &identity.id).await?;
    let columns = identity.key.iter().zip(names).map(|(key, name)| {
        let definition = definitions.iter().find(|column| column.name == key.name);
        IdentityColumn {
            name: name.clone(),
            key: key.name.clone(),
            definition: definition.map_or_else(|| key.sql_type.clone(), |d| d.sql_type.clone()),
            equals: key.equals.clone(),
        }
    });
    Ok(columns.collect())
}

/// A column as SQL that has the same meaning on any `search_path`.
pub(crate) struct Definition {
    pub(crate) name: String,
    /// With its collation.
    pub(crate) sql_type: String,
    /// `DEFAULT ..`, or another clause that fills the column.
    pub(crate) source: Option<String>,
}

/// The columns of `table`.
pub(crate) async fn definitions(work: &Work, table: &TableId) -> Result<Vec<Definition>, DbErr> {
    let rows = work
        .rows(schema::archive_table::DEFINITIONS, [table.oid.into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Definition {
                name: row.try_get("", "column_name")?,
                sql_type: row.try_get("", "type")?,
                source: row.try_get("", "source")?,
            })
        })
        .collect()
}
