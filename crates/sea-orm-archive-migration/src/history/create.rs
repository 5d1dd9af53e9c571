//! Creating a history table, or registering an existing table as one.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_migration::DbErr;

use crate::{
    context, feature,
    history::{
        constraint, extension, fit, foreign_key, model::History, options::HistoryTable, register,
    },
    name, table_names,
    work::Work,
};

/// Creates the table that `wanted` describes if it does not exist, adds the missing constraints, and registers it.
pub(crate) async fn create(work: &Work, wanted: &HistoryTable) -> Result<(), DbErr> {
    register::require(work).await?;
    feature::forget_dropped(work).await?;
    foreign_key::follow_renames(work).await?;
    let history = ensure(work, wanted, None).await?;
    feature::changed(work, &history.id).await
}

/// As [`create`], without notifying other features; `split` are the columns that are moved from the identity table.
pub(crate) async fn ensure(
    work: &Work,
    wanted: &HistoryTable,
    split: Option<Vec<String>>,
) -> Result<History, DbErr> {
    let identity = identity(work, wanted).await?;
    let (names, _) = wanted.identity_of()?;
    refuse_names(wanted, names)?;
    let columns = register::identity_columns(work, &identity, names).await?;
    extension::ensure(work).await?;
    let name = name::table(&wanted.table)?;
    match work.table(&name).await? {
        Some(found) => fit::verify(work, &found, wanted, &columns).await?,
        None => {
            work.execute(&wanted.create(wanted.table.clone(), &columns))
                .await?;
        }
    }
    let table = work.existing_table(&name).await?;
    table_names::follow(work, &table.id).await?;
    table_names::follow(work, &identity.id).await?;
    register::take_over(work, &table.id).await?;
    let history = History {
        id: table.id,
        identity: identity.id,
        columns,
        time: wanted.time,
        valid_from: wanted.valid_from.clone(),
        valid_to: wanted.valid_to.clone(),
        recorded: wanted.recorded.clone(),
        recorded_by: wanted.recorded_by.as_ref().map(|(name, _)| name.clone()),
        split_columns: split,
    };
    let history = verify_registered(work, history).await?;
    // A constraint is checked against rows that FORCE ROW LEVEL SECURITY hides from the owner.
    let tables = vec![history.id.sql(), history.identity.sql()];
    let forced = work.unforce_all(tables).await?;
    constraint::add_missing(work, &history).await?;
    work.force_all(forced).await?;
    default_to_actor(work, &history).await?;
    register::put(work, &history).await?;
    Ok(history)
}

/// Sets the actor of the context as the default of `recorded_by`, unless the column has a default already.
async fn default_to_actor(work: &Work, history: &History) -> Result<(), DbErr> {
    match &history.recorded_by {
        Some(column) => context::default_to_actor(work, &history.id, column).await,
        None => Ok(()),
    }
}

/// The identity table, locked against writes.
async fn identity(work: &Work, wanted: &HistoryTable) -> Result<Table, DbErr> {
    let (_, table) = wanted.identity_of()?;
    let identity = work.existing_table(&name::table(table)?).await?;
    if identity.is_partition || identity.has_inheritors {
        return Err(DbErr::Migration(format!(
            "{} is a partition or is inherited from: a history holds versions of the rows of a whole table",
            identity.id
        )));
    }
    Ok(identity)
}

/// Refuses names that PostgreSQL would truncate: a second run would not find what the first run created.
fn refuse_names(wanted: &HistoryTable, identity: &[String]) -> Result<(), DbErr> {
    let columns: Vec<_> = wanted
        .columns
        .iter()
        .chain(&wanted.key)
        .map(|column| column.get_column_name())
        .collect();
    let recorded = wanted.recorded.iter().flat_map(|(from, to)| [from, to]);
    let recorded_by = wanted.recorded_by.iter().map(|(name, _)| name);
    identity
        .iter()
        .chain(&columns)
        .chain([&wanted.valid_from, &wanted.valid_to])
        .chain(recorded)
        .chain(recorded_by)
        .try_for_each(|column| name::check(column))
}

/// Checks that the table is not registered as another history, and adds what only the register contains.
async fn verify_registered(work: &Work, history: History) -> Result<History, DbErr> {
    let Some(registered) = register::find(work, &history.id).await? else {
        return Ok(history);
    };
    let meaning = |history: &History| {
        (
            history.identity.oid,
            history.columns.clone(),
            history.time,
            [history.valid_from.clone(), history.valid_to.clone()],
            history.recorded.clone(),
        )
    };
    if meaning(&registered) != meaning(&history) {
        return Err(DbErr::Migration(format!(
            "{} is already a history of {} by ({}), valid from \"{}\" to \"{}\"{}: this definition differs",
            history.id,
            registered.identity,
            registered.identity_names().join(", "),
            registered.valid_from,
            registered.valid_to,
            if registered.recorded.is_some() {
                ", bitemporal"
            } else {
                ""
            },
        )));
    }
    Ok(History {
        split_columns: history.split_columns.or(registered.split_columns),
        ..history
    })
}
