//! Turning a table of current values into identities and their history, and back.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::{DbErr, sea_orm::Value, sea_query::ColumnDef};

use crate::{
    history::{
        create, foreign_key,
        model::History,
        options::{HistorySplit, HistoryTable, Since},
        register::{self, Definition},
    },
    name::{self, literal, quote, quote_all},
    stamps, tenancy,
    work::{Work, said},
};

/// Moves columns of the identity table into a new history, one version for each row.
pub(crate) async fn split(work: &Work, wanted: &HistorySplit) -> Result<(), DbErr> {
    register::require(work).await?;
    foreign_key::forget_dropped(work).await?;
    register::forget_dropped(work).await?;
    if is_split(work, wanted).await? {
        return Ok(());
    }
    let (_, identity) = wanted.history.identity_of()?;
    let identity = lock(work, &name::table(identity)?).await?;
    verify_columns(wanted, &identity)?;
    refuse_dependents(work, &identity, &wanted.columns).await?;
    // Every tenant's rows get a version, also where the owner is under policies.
    let forced = work.unforce_all(vec![identity.id.sql()]).await?;
    refuse_unknown_start(work, wanted, &identity).await?;
    let definitions = register::definitions(work, &identity.id).await?;
    let history = with_columns(wanted, &identity, &definitions);
    let history = create::ensure(work, &history, Some(wanted.columns.clone())).await?;
    set_defaults(work, &history, &wanted.columns, &definitions).await?;
    copy(work, wanted, &history).await?;
    drop_columns(work, &history, &wanted.columns).await?;
    work.force_all(forced).await?;
    // The versions learn from their identities whose they are, so they have to be there first.
    tenancy::refresh(work, &history.id).await?;
    let identity = work.existing_table(&history.identity.sql()).await?;
    stamps::refresh(work, &identity).await
}

/// Whether this was done before. A history that came from elsewhere is in the way.
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
        "there is a {} already, and it was not made by this split: drop it, or give the history another name",
        table.id
    )))
}

/// The table of this name, locked against everybody: its columns will go.
async fn lock(work: &Work, name: &str) -> Result<Table, DbErr> {
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
    if identity.twin.is_some() {
        return refuse(
            "has a twin, whose rows would keep the columns: split it before it is archived"
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
                "computes the column \"{name}\" itself, and a version has to keep what it was: make it an \
                 ordinary column first"
            ));
        }
    }
    Ok(())
}

/// Refuses to drop columns that something else needs: PostgreSQL would drop indexes and constraints
/// without a word, and stop at a view only after the rows were copied.
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
         still meant",
        identity.id,
        quote_all(columns.iter().map(String::as_str)),
        dependents.join("; ")
    )))
}

/// Refuses a start that is NULL, not finite, or of another type than the history's.
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
            "{}.\"{name}\" is {}, and versions start at a {time}: change its type first, saying which time zone it \
             was written in, or make a history of days with `.dates()`",
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
            "the row {} of {} has no finite time in \"{name}\", and its version would not know when it starts: give \
             it one first",
            row.try_get::<String>("", "key")?,
            identity.id
        ))),
    }
}

/// The history with the columns that move, as they are.
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

/// Gives the columns that moved their defaults. They are not in the statement that creates the history: it is run on
/// the author's `search_path`, and they are written for ours.
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
fn default_of(source: &str) -> Option<&str> {
    source.strip_prefix("DEFAULT ")
}

/// One version for each row of the identity table, and not one less.
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
            said(&error)
        ))
    })?;
    let rows = work.count(&history.identity.sql(), "true").await?;
    let versions = work.count(&history.id.sql(), "true").await?;
    if rows == versions {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{} has {rows} rows, and {versions} versions were made of them: a trigger or a rule on {} is in the way",
        history.identity, history.id
    )))
}

/// The start of the versions as SQL, and its argument.
fn start(wanted: &HistorySplit) -> (String, Option<Value>) {
    let time = wanted.history.time.column_type();
    match &wanted.since {
        // One time for all of them, and not one for each.
        Since::Now => (
            format!("(SELECT pg_catalog.clock_timestamp())::pg_catalog.{time}"),
            None,
        ),
        Since::Column(column) => (quote(column), None),
        Since::Value(value) => ("$1".to_owned(), Some((**value).clone())),
    }
}

async fn drop_columns(work: &Work, history: &History, columns: &[String]) -> Result<(), DbErr> {
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
            said(&error)
        ))
    })
}

/// Moves the columns back and drops the history called `name`, where every identity has one version
/// without an end.
pub(crate) async fn unsplit(work: &Work, name: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    foreign_key::forget_dropped(work).await?;
    register::forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    let history = register::find(work, &table.id).await?;
    let split = history.and_then(|history| Some((history.split_columns.clone()?, history)));
    let Some((columns, history)) = split else {
        return Err(DbErr::Migration(format!(
            "{} was not made by `split_into_history`: drop it with `manager.drop_history_table(..)`",
            table.id
        )));
    };
    foreign_key::refuse_dependents(work, &history.id).await?;
    work.run(&format!(
        "LOCK TABLE {}, {} IN ACCESS EXCLUSIVE MODE",
        history.identity.sql(),
        history.id.sql()
    ))
    .await?;
    let identity = work.unforce_all(vec![history.identity.sql()]).await?;
    work.unforce(&history.id.sql()).await?;
    refuse_loss(work, &history).await?;
    refuse_more_columns(work, &history, &columns).await?;
    // Its values come back to every tenant's rows, and none is given to another.
    tenancy::lift_guards(work, &history.identity).await?;
    give_back(work, &history, &columns).await?;
    register::remove(work, &history.id).await?;
    work.run(&format!("DROP TABLE {}", history.id.sql()))
        .await
        .map_err(|error| {
            DbErr::Migration(format!(
                "{} cannot be dropped: {}",
                history.id,
                said(&error)
            ))
        })?;
    work.force_all(identity).await?;
    tenancy::refresh(work, &history.identity).await
}

/// Refuses to go back where versions would be lost, or there is none to take a value from.
async fn refuse_loss(work: &Work, history: &History) -> Result<(), DbErr> {
    let ended: Vec<_> = [&history.valid_to]
        .into_iter()
        .chain(history.recorded.iter().map(|(_, to)| to))
        .map(|column| format!("h.{} IS NOT NULL", quote(column)))
        .collect();
    let key = history
        .columns
        .iter()
        .map(|column| format!("{}, i.{}", literal(&column.key), quote(&column.key)));
    let same = history
        .columns
        .iter()
        .map(|column| column.equal(&column.of("h"), &format!("i.{}", quote(&column.key))));
    let first = history.columns.first().map(|column| column.of("h"));
    let rows = work
        .rows(
            &fill(
                schema::history::UNFIT_TO_UNSPLIT,
                [
                    ("key", key.collect::<Vec<_>>().join(", ")),
                    ("first", first.unwrap_or_default()),
                    ("ended", ended.join(" OR ")),
                    ("identity", history.identity.sql()),
                    ("history", history.id.sql()),
                    ("same", same.collect::<Vec<_>>().join(" AND ")),
                ],
            ),
            [],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    Err(DbErr::Migration(format!(
        "{} cannot be put back into {}: {} identities do not have exactly one version without an end; {} has {} \
         versions, {} of them ended or corrected, and they would be lost",
        history.id,
        history.identity,
        row.try_get::<i64>("", "identities")?,
        row.try_get::<String>("", "key")?,
        row.try_get::<i64>("", "versions")?,
        row.try_get::<i64>("", "ended")?,
    )))
}

/// Refuses to go back where a column that did not come from the identity table holds values: they would
/// be lost. Keys, periods and the times of recording are what a history is made of, and go with it; so does the
/// tenant, which the identity has.
async fn refuse_more_columns(
    work: &Work,
    history: &History,
    columns: &[String],
) -> Result<(), DbErr> {
    let table = work.existing_table(&history.id.sql()).await?;
    let mut known: Vec<_> = columns
        .iter()
        .chain(table.key.iter().map(|key| &key.name))
        .collect();
    known.extend(history.columns.iter().map(|column| &column.name));
    known.extend([&history.valid_from, &history.valid_to]);
    known.extend(&table.id.tenant);
    known.extend(history.recorded.iter().flat_map(|(from, to)| [from, to]));
    let mut held = Vec::new();
    for column in &table.columns {
        if known.contains(&&column.name) {
            continue;
        }
        let name = quote(&column.name);
        // A composite value with a NULL in it is not IS NOT NULL.
        let rows = work
            .count(&history.id.sql(), &format!("{name} IS DISTINCT FROM NULL"))
            .await?;
        if rows > 0 {
            held.push(format!("{name} in {rows} of its rows"));
        }
    }
    if held.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{} cannot be put back into {}: it holds values that did not come from there, and they would be lost: {}; \
         keep them elsewhere, and drop the columns first",
        history.id,
        history.identity,
        held.join(", ")
    )))
}

/// Adds the columns to the identity table and fills them.
async fn give_back(work: &Work, history: &History, columns: &[String]) -> Result<(), DbErr> {
    let table = work.existing_table(&history.id.sql()).await?;
    let definitions = register::definitions(work, &history.id).await?;
    let identity = history.identity.sql();
    let (mut added, mut set, mut then) = (Vec::new(), Vec::new(), Vec::new());
    for definition in &definitions {
        if !columns.contains(&definition.name) {
            continue;
        }
        let name = quote(&definition.name);
        added.push(format!("ADD COLUMN {name} {}", definition.sql_type));
        set.push(format!("{name} = h.{name}"));
        if let Some(default) = definition.source.as_deref().and_then(default_of) {
            then.push(format!("ALTER COLUMN {name} SET DEFAULT {default}"));
        }
        if table
            .column(&definition.name)
            .is_some_and(|column| column.not_null)
        {
            then.push(format!("ALTER COLUMN {name} SET NOT NULL"));
        }
    }
    let same: Vec<_> = history
        .columns
        .iter()
        .map(|column| column.equal(&column.of("h"), &format!("i.{}", quote(&column.key))))
        .collect();
    work.run(&format!("ALTER TABLE {identity} {}", added.join(", ")))
        .await?;
    work.run_under_policies(&format!(
        "UPDATE {identity} AS i SET {} FROM {} AS h WHERE {}",
        set.join(", "),
        history.id.sql(),
        same.join(" AND ")
    ))
    .await?;
    // A constraint that waits for the end of the transaction would keep the table from being altered, and
    // a trigger that waits for it could still change what came back.
    work.run_on_callers_path("SET CONSTRAINTS ALL IMMEDIATE")
        .await?;
    verify_given_back(work, history, columns).await?;
    if then.is_empty() {
        return Ok(());
    }
    work.run(&format!("ALTER TABLE {identity} {}", then.join(", ")))
        .await
}

/// Checks that every value is back: the history, which has them too, is about to go.
async fn verify_given_back(
    work: &Work,
    history: &History,
    columns: &[String],
) -> Result<(), DbErr> {
    let list = |alias: &str| {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| format!("{alias}.{}", quote(column)))
            .collect();
        columns.join(", ")
    };
    let key = history
        .columns
        .iter()
        .map(|column| format!("{}, {}", literal(&column.key), column.of("h")));
    let same = history
        .columns
        .iter()
        .map(|column| column.equal(&column.of("h"), &format!("i.{}", quote(&column.key))));
    let rows = work
        .rows(
            &fill(
                schema::history::NOT_GIVEN_BACK,
                [
                    ("key", key.collect::<Vec<_>>().join(", ")),
                    ("history", history.id.sql()),
                    ("identity", history.identity.sql()),
                    ("same", same.collect::<Vec<_>>().join(" AND ")),
                    ("here", list("i")),
                    ("there", list("h")),
                ],
            ),
            [],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    Err(DbErr::Migration(format!(
        "{} cannot be put back into {}: {} of its rows did not take the values of their version, {} among them: a \
         trigger or a rule on {} drops or changes them; disable it for the migration",
        history.id,
        history.identity,
        row.try_get::<i64>("", "rows")?,
        row.try_get::<String>("", "key")?,
        history.identity,
    )))
}
