//! Splitting a table of current values into identities and their history.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::{DbErr, sea_orm::Value, sea_query::ColumnDef};

use crate::{
    feature,
    history::{
        create,
        model::History,
        options::{HistorySplit, HistoryTable, Since},
        register::{self, Definition},
    },
    name::{self, literal, quote, quote_all},
    work::{Work, database_message},
};

/// Moves columns of the identity table into a new history, one version for each row.
pub(crate) async fn split(work: &Work, wanted: &HistorySplit) -> Result<(), DbErr> {
    register::require(work).await?;
    feature::forget_dropped(work).await?;
    if is_split(work, wanted).await? {
        return Ok(());
    }
    let (_, identity) = wanted.history.identity_of()?;
    let identity = lock(work, &name::table(identity)?).await?;
    verify_columns(wanted, &identity)?;
    refuse_dependents(work, &identity, &wanted.columns).await?;
    // The rows of every tenant get a version, also where policies apply to the owner.
    let forced = work.unforce_all(vec![identity.id.sql()]).await?;
    refuse_unknown_start(work, wanted, &identity).await?;
    let definitions = register::definitions(work, &identity.id).await?;
    let history = with_columns(wanted, &identity, &definitions);
    let history = create::ensure(work, &history, Some(wanted.columns.clone())).await?;
    set_defaults(work, &history, &wanted.columns, &definitions).await?;
    copy(work, wanted, &history).await?;
    drop_columns(work, &history, &wanted.columns).await?;
    work.force_all(forced).await?;
    // Tenancy sets the tenant of versions from their identities, so the versions have to exist first.
    feature::changed(work, &history.id).await?;
    feature::changed(work, &history.identity).await
}

/// Whether this split was done before. Refuses where the name belongs to another table.
async fn is_split(work: &Work, wanted: &HistorySplit) -> Result<bool, DbErr> {
    let Some(table) = work.table(&name::table(&wanted.history.table)?).await? else {
        return Ok(false);
    };
    let split = match register::find(work, &table.id).await? {
        Some(history) => history.split_columns,
        None => None,
    };
    if split.as_ref() == Some(&wanted.columns) {
        return Ok(true);
    }
    Err(DbErr::Migration(format!(
        "there is a {} already, and it was not created by this split: drop it, or give the history another name",
        table.id
    )))
}

/// The table of this name, locked also against reads: its columns will be dropped.
pub(super) async fn lock(work: &Work, name: &str) -> Result<Table, DbErr> {
    let table = work
        .table(name)
        .await?
        .filter(|table| table.kind == "r" && !table.is_partition && !table.has_inheritors)
        .ok_or_else(|| DbErr::Migration(format!("there is no plain table {name} to split")))?;
    work.run(&format!(
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        table.id.sql()
    ))
    .await?;
    work.existing_table(&table.id.sql()).await
}

/// Refuses columns that cannot move.
fn verify_columns(wanted: &HistorySplit, identity: &Table) -> Result<(), DbErr> {
    let refuse = |reason: String| Err(DbErr::Migration(format!("{} {reason}", identity.id)));
    if wanted.columns.is_empty() {
        return refuse(
            "is split by no columns: name those that move with `.columns([..])`".to_owned(),
        );
    }
    if identity.archive_table.is_some() {
        return refuse(
            "has an archive table, whose rows would retain the columns: split it before it is archived"
                .to_owned(),
        );
    }
    for name in &wanted.columns {
        let Some(column) = identity.column(name) else {
            return refuse(format!("has no column \"{name}\""));
        };
        if identity.key.iter().any(|key| &key.name == name) {
            return refuse(format!(
                "cannot lose the column \"{name}\", which is part of its primary key"
            ));
        }
        if column.generated || !column.identity.is_empty() {
            return refuse(format!(
                "generates the column \"{name}\", and a version has to store its value: change it to an \
                 ordinary column first"
            ));
        }
    }
    Ok(())
}

/// Refuses to drop columns that another object depends on: PostgreSQL would drop indexes and constraints silently, and
/// refuse because of a view only after the rows were copied.
async fn refuse_dependents(work: &Work, identity: &Table, columns: &[String]) -> Result<(), DbErr> {
    let rows = work
        .rows(
            schema::history::DEPENDENTS,
            [identity.id.oid.into(), columns.to_vec().into()],
        )
        .await?;
    let dependents = rows
        .iter()
        .map(|row| row.try_get::<String>("", "dependent"))
        .collect::<Result<Vec<_>, _>>()?;
    if dependents.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{} cannot lose {}, which something depends on: {}; drop it first, and create it on the history if it is \
         still needed",
        identity.id,
        quote_all(columns.iter().map(String::as_str)),
        dependents.join("; ")
    )))
}

/// Refuses a start that is NULL, not finite, or not of the type of the history.
async fn refuse_unknown_start(
    work: &Work,
    wanted: &HistorySplit,
    identity: &Table,
) -> Result<(), DbErr> {
    let Since::Column(name) = &wanted.since else {
        return Ok(());
    };
    let Some(column) = identity.column(name) else {
        return Err(DbErr::Migration(format!(
            "{} has no column \"{name}\" to take the start of the versions from",
            identity.id
        )));
    };
    let time = wanted.history.time.column_type();
    let same = work
        .row(
            "SELECT pg_catalog.to_regtype($1)::oid::bigint = $2 AS same",
            [time.into(), column.type_oid.into()],
        )
        .await?;
    if !same.try_get::<bool>("", "same")? {
        return Err(DbErr::Migration(format!(
            "{}.\"{name}\" is {}, and versions start at a {time}: change its type first, with the time zone of its \
             values, or declare a history of days with `.dates()`",
            identity.id, column.sql_type
        )));
    }
    let start = quote(name);
    let key = identity.key.iter().map(|key| {
        let (name, column) = (literal(&key.name), quote(&key.name));
        format!("{name}, archive.exact_json({column})")
    });
    let key = key.collect::<Vec<_>>().join(", ");
    let rows = work
        .rows(
            &format!(
                "SELECT pg_catalog.jsonb_build_object({key})::text AS key FROM {}
                 WHERE {start} IS NULL OR NOT pg_catalog.isfinite({start}) ORDER BY 1 LIMIT 1",
                identity.id.sql()
            ),
            [],
        )
        .await?;
    match rows.first() {
        None => Ok(()),
        Some(row) => Err(DbErr::Migration(format!(
            "the row {} of {} has no finite time in \"{name}\", which would be the start of its version: set one first",
            row.try_get::<String>("", "key")?,
            identity.id
        ))),
    }
}

/// The history with the columns that move, unchanged.
fn with_columns(
    wanted: &HistorySplit,
    identity: &Table,
    definitions: &[Definition],
) -> HistoryTable {
    let mut history = wanted.history.clone();
    for (position, name) in wanted.columns.iter().enumerate() {
        let moved = definitions.iter().find(|column| &column.name == name);
        let (Some(moved), Some(column)) = (moved, identity.column(name)) else {
            continue;
        };
        history
            .columns
            .insert(position, moved_definition(moved, column.not_null));
    }
    history
}

fn moved_definition(moved: &Definition, not_null: bool) -> ColumnDef {
    let mut column = ColumnDef::new(moved.name.clone());
    column.custom(moved.sql_type.clone());
    if not_null {
        column.not_null();
    }
    column
}

/// Sets the defaults of the columns that moved. They are not in the statement that creates the history, which runs on the
/// `search_path` of the author: their text is valid on ours.
async fn set_defaults(
    work: &Work,
    history: &History,
    moved: &[String],
    definitions: &[Definition],
) -> Result<(), DbErr> {
    let defaults = definitions.iter().filter_map(|column| {
        let default = column.source.as_deref().and_then(default_of)?;
        let name = quote(&column.name);
        moved
            .contains(&column.name)
            .then(|| format!("ALTER COLUMN {name} SET DEFAULT {default}"))
    });
    let defaults: Vec<_> = defaults.collect();
    if defaults.is_empty() {
        return Ok(());
    }
    work.run(&format!(
        "ALTER TABLE {} {}",
        history.id.sql(),
        defaults.join(", ")
    ))
    .await
}

/// The expression of a default.
pub(super) fn default_of(source: &str) -> Option<&str> {
    source.strip_prefix("DEFAULT ")
}

/// Inserts one version for each row of the identity table, and checks the number.
async fn copy(work: &Work, wanted: &HistorySplit, history: &History) -> Result<(), DbErr> {
    let identity = history.identity_names();
    let keys = history.columns.iter().map(|column| column.key.as_str());
    let moved = || wanted.columns.iter().map(String::as_str);
    let (start, value) = start(wanted);
    let sql = format!(
        "INSERT INTO {} ({}, {}, {}) SELECT {}, {}, {start} FROM {}",
        history.id.sql(),
        quote_all(identity.iter().map(String::as_str)),
        quote_all(moved()),
        quote(&history.valid_from),
        quote_all(keys),
        quote_all(moved()),
        history.identity.sql(),
    );
    match value {
        Some(value) => work.run_with_on_callers_path(&sql, [value]).await,
        None => work.run_on_callers_path(&sql).await,
    }
    .map_err(|error| {
        DbErr::Migration(format!(
            "the rows of {} cannot become versions: {}",
            history.identity,
            database_message(&error)
        ))
    })?;
    let rows = work.count(&history.identity.sql(), "true").await?;
    let versions = work.count(&history.id.sql(), "true").await?;
    if rows == versions {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{} has {rows} rows, and {versions} versions were created: a trigger or a rule on {} interferes",
        history.identity, history.id
    )))
}

/// The start of the versions as SQL, and its argument.
fn start(wanted: &HistorySplit) -> (String, Option<Value>) {
    let time = wanted.history.time.column_type();
    match &wanted.since {
        // A subquery, so that all versions start at the same time.
        Since::Now => (
            format!("(SELECT pg_catalog.clock_timestamp())::pg_catalog.{time}"),
            None,
        ),
        Since::Column(column) => (quote(column), None),
        Since::Value(value) => ("$1".to_owned(), Some((**value).clone())),
    }
}

pub(super) async fn drop_columns(
    work: &Work,
    history: &History,
    columns: &[String],
) -> Result<(), DbErr> {
    let drops: Vec<_> = columns
        .iter()
        .map(|column| format!("DROP COLUMN {}", quote(column)))
        .collect();
    work.run(&format!(
        "ALTER TABLE {} {}",
        history.identity.sql(),
        drops.join(", ")
    ))
    .await
    .map_err(|error| {
        DbErr::Migration(format!(
            "{} cannot lose {}: {}",
            history.identity,
            quote_all(columns.iter().map(String::as_str)),
            database_message(&error)
        ))
    })
}
