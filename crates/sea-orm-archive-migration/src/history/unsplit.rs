//! Moving the columns of a history back to its identity table.

use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{
    feature,
    history::{
        foreign_key,
        model::History,
        register::{self},
        split::default_of,
    },
    name::{literal, quote},
    tenancy,
    work::{Work, database_message},
};

/// Moves the columns back and drops the history called `name`, where every identity has one version
/// without an end.
pub(crate) async fn unsplit(work: &Work, name: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    feature::forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    let history = register::find(work, &table.id).await?;
    let split = history.and_then(|history| Some((history.split_columns.clone()?, history)));
    let Some((columns, history)) = split else {
        return Err(DbErr::Migration(format!(
            "{} was not created by `split_into_history`: drop it with `manager.drop_history_table(..)`",
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
    // The update writes rows of every tenant, and changes the tenant of none.
    tenancy::lift_guards(work, &history.identity).await?;
    give_back(work, &history, &columns).await?;
    register::remove(work, &history.id).await?;
    work.run(&format!("DROP TABLE {}", history.id.sql()))
        .await
        .map_err(|error| {
            DbErr::Migration(format!(
                "{} cannot be dropped: {}",
                history.id,
                database_message(&error)
            ))
        })?;
    work.force_all(identity).await?;
    feature::changed(work, &history.identity).await
}

/// Refuses where versions would be lost, or where an identity has no current version.
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

/// Refuses where a column that did not come from the identity table holds values, which would be lost. The values of keys,
/// periods and transaction time are dropped with the history, and so is the tenant column, which the identity table has.
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
        // IS NOT NULL is false for a composite value that contains a NULL.
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
         copy them elsewhere, and drop the columns first",
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
    // PostgreSQL does not alter a table with pending trigger events, and a deferred trigger could still change the
    // restored values.
    work.run_on_callers_path("SET CONSTRAINTS ALL IMMEDIATE")
        .await?;
    verify_given_back(work, history, columns).await?;
    if then.is_empty() {
        return Ok(());
    }
    work.run(&format!("ALTER TABLE {identity} {}", then.join(", ")))
        .await
}

/// Checks that every value was moved back, before the history is dropped.
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
