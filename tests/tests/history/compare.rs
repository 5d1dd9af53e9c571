//! Compares the table with the model.

use sea_orm_archive_tests::sql;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use sea_orm::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryOrder, Select, Statement};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Changed, ValidTime};
use serde_json::Value as Json;

use crate::history::calls::Call;
use crate::history::model::{IDENTITIES, Instant, Model, Values, Version};
use crate::history::tables::{Table, probe};

pub type Checked = Result<(), String>;

fn same<V: PartialEq + Debug>(what: impl Debug, found: V, expected: V) -> Checked {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what:?} is\n{found:?}, expected\n{expected:?}"))
}

async fn versions<T: Table>(
    db: &DatabaseConnection,
    select: Select<T>,
) -> Result<Vec<Version>, String> {
    let models = select.all(db).await.map_err(|error| error.to_string())?;
    Ok(models.into_iter().map(T::version).collect())
}

/// The rows that are not superseded.
fn current_rows<T: Table>() -> Select<T> {
    match T::columns().recorded {
        None => T::find(),
        Some(recorded) => T::find().filter(recorded.to.is_null()),
    }
}

/// The database's clock, in the unit of the table.
pub async fn now<T: Table>(db: &DatabaseConnection) -> Instant {
    T::instant(sql::one(db, &format!("select {}", T::Time::NOW)).await)
}

/// The database's clock, as transaction time.
pub async fn moment(db: &DatabaseConnection) -> DateTimeUtc {
    sql::one(db, "select clock_timestamp()").await
}

/// Every row by its id: its place, the transaction that wrote it, and its values.
pub type Rows = BTreeMap<i64, (String, Json)>;

pub async fn rows<T: Table>(db: &DatabaseConnection) -> Rows {
    let sql = format!(
        "select id::bigint, ctid || ' ' || xmin as place, to_jsonb(h) as row from {} as h",
        T::default().table_name()
    );
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql));
    let get = |row: sea_orm::QueryResult| {
        let place = row.try_get("", "place").unwrap();
        (
            row.try_get("", "id").unwrap(),
            (place, row.try_get("", "row").unwrap()),
        )
    };
    rows.await.unwrap().into_iter().map(get).collect()
}

/// With transaction time a row changes only once: its `recorded_to` is set.
pub fn rows_are_only_superseded(before: &Rows, after: &Rows) -> Checked {
    for (id, (_, old)) in before {
        let Some((_, new)) = after.get(id) else {
            return Err(format!("{old} was deleted"));
        };
        let mut ended = old.clone();
        if old["recorded_to"].is_null() {
            ended["recorded_to"] = new["recorded_to"].clone();
        }
        if ended != *new {
            return Err(format!("{old} was changed to {new}"));
        }
    }
    Ok(())
}

/// At the moment at which one version supersedes another, only one of them is read.
pub async fn known_versions_do_not_overlap<T: Table>(
    db: &DatabaseConnection,
    rows: &Rows,
) -> Checked {
    let ends = rows
        .values()
        .filter_map(|(_, row)| row["recorded_to"].as_str());
    let ends: BTreeSet<DateTimeUtc> = ends.map(|end| end.parse().unwrap()).collect();
    for end in ends {
        let mut known = Vec::new();
        for identity in 0..IDENTITIES {
            let timeline = T::then(end).find_timeline(T::identity(identity));
            known.extend(versions::<T>(db, timeline).await?);
        }
        let overlap = known.windows(2).find(|pair| {
            let end = pair[0].to.unwrap_or(Instant::MAX);
            pair[0].identity == pair[1].identity && end > pair[1].from
        });
        if let Some(pair) = overlap {
            return Err(format!("both are known at {end}: {pair:?}"));
        }
    }
    Ok(())
}

/// The times at which versions start or end that are no instants of the model yet.
pub async fn unknown<T: Table>(db: &DatabaseConnection, model: &Model) -> Vec<Instant> {
    let all = versions::<T>(db, T::find()).await.unwrap();
    let ends = all
        .iter()
        .flat_map(|version| [Some(version.from), version.to]);
    let mut ends: Vec<_> = ends.flatten().collect();
    ends.sort_unstable();
    ends.dedup();
    ends.retain(|end| !model.instants().contains(end));
    ends
}

/// Each instant, and one between it and the next.
pub fn points(model: &Model) -> Vec<Instant> {
    let instants = model.instants();
    let mut points = vec![instants[0] - 1];
    for (n, at) in instants.iter().enumerate() {
        let next = instants.get(n + 1).unwrap_or(&(at + 2)).to_owned();
        points.extend([*at, at + (next - at) / 2]);
    }
    points.dedup();
    points
}

/// Compares what a call may have changed, and, in turn, a part of the other reads.
pub async fn compare<T: Table>(
    db: &DatabaseConnection,
    model: &Model,
    call: &Call,
    turn: usize,
) -> Checked {
    let mut found = versions::<T>(db, current_rows::<T>()).await?;
    found.sort_by_key(|version| (version.identity, version.from));
    same("all", found, model.all())?;
    for identity in call.identities().filter(|identity| *identity < IDENTITIES) {
        let select = T::find_timeline(T::identity(identity));
        let found = versions::<T>(db, select).await?;
        same(("timeline", identity), found, model.find_timeline(identity))?;
    }
    if let Some(at) = call.instant() {
        one_point::<T>(db, model, at).await?;
    }
    let points = points(model);
    one_point::<T>(db, model, points[turn * 7 % points.len()]).await?;
    let found = pairs::<T>(T::find_gaps().all(db).await)?;
    same("gaps", found, gaps(model, None))?;
    match turn % 4 {
        0 => changes_of_names::<T>(db, model, turn).await,
        1 => changes_of_floors::<T>(db, model, turn).await,
        2 => compare_scheduled::<T>(db, model).await,
        _ => compare_joined::<T>(db, model, None).await,
    }
}

/// Compares every instant, at the end of a story.
pub async fn compare_all<T: Table>(db: &DatabaseConnection, model: &Model) -> Checked {
    for identity in 0..IDENTITIES {
        let select = T::find_timeline(T::identity(identity));
        let found = versions::<T>(db, select).await?;
        same(("timeline", identity), found, model.find_timeline(identity))?;
    }
    compare_joined::<T>(db, model, None).await
}

async fn one_point<T: Table>(db: &DatabaseConnection, model: &Model, at: Instant) -> Checked {
    for identity in 0..IDENTITIES {
        let select = T::find_version_at(T::identity(identity), T::time(at));
        let expected = model.find_version_at(identity, at);
        let found = versions::<T>(db, select).await?;
        same(
            ("version at", identity, at),
            found,
            expected.into_iter().collect(),
        )?;
    }
    let mut found = versions::<T>(db, T::find_valid_at(T::time(at))).await?;
    found.sort_by_key(|version| version.identity);
    same(("valid at", at), found, valid_at(model, at))
}

fn valid_at(model: &Model, at: Instant) -> Vec<Version> {
    let versions = model.all().into_iter();
    versions.filter(|version| version.is_valid_at(at)).collect()
}

/// Compares the version at each instant and between them, for each identity, in one join.
async fn compare_joined<T: Table>(
    db: &DatabaseConnection,
    model: &Model,
    known: Option<DateTimeUtc>,
) -> Checked {
    let probes = probe::Entity::find().order_by_asc(probe::Column::Id);
    let identity = T::IDENTITY.iter().copied();
    let joined = match known {
        None => probes.find_also_version_at::<T>(identity, T::AT),
        Some(known) => T::then_beside(probes, known),
    };
    let rows = joined.all(db).await.map_err(|error| error.to_string())?;
    for (probe, version) in rows {
        let identity = usize::try_from(probe.number - 1).unwrap();
        let at = if T::YEAR == 365 {
            crate::history::tables::day(probe.day)
        } else {
            probe.at.timestamp_micros()
        };
        let expected = (identity < IDENTITIES)
            .then(|| model.find_version_at(identity, at))
            .flatten();
        same(("joined", identity, at), version.map(T::version), expected)?;
    }
    Ok(())
}

/// Writes a probe of each identity for every point.
pub async fn write_probes<T: Table>(db: &DatabaseConnection, points: &[Instant]) {
    let probes = points.iter().flat_map(|at| {
        (0..=IDENTITIES).map(|identity| crate::history::tables::probe::<T>(identity, *at))
    });
    probe::Entity::insert_many(probes).exec(db).await.unwrap();
}

type Pairs = Vec<(Version, Version)>;

fn pairs<T: Table>(found: Result<Vec<Changed<T::Model>>, DbErr>) -> Result<Pairs, String> {
    let found = found.map_err(|error| error.to_string())?;
    let pair = |changed: Changed<T::Model>| (T::version(changed.before), T::version(changed.after));
    Ok(found.into_iter().map(pair).collect())
}

/// Pairs of consecutive versions of one identity, or of all, in the order of time.
fn neighbours(model: &Model, identity: Option<usize>) -> Pairs {
    let identities = identity.map_or(0..IDENTITIES, |one| one..one + 1);
    let mut pairs = Vec::new();
    for identity in identities {
        let versions = model.find_timeline(identity);
        pairs.extend(versions.windows(2).map(|w| (w[0].clone(), w[1].clone())));
    }
    pairs.sort_by_key(|(before, after)| (after.from, before.identity));
    pairs
}

fn gaps(model: &Model, identity: Option<usize>) -> Pairs {
    let mut pairs = neighbours(model, identity);
    pairs.retain(|(before, after)| before.to.is_some_and(|to| to < after.from));
    pairs
}

fn changes<V: PartialEq>(
    model: &Model,
    identity: Option<usize>,
    value: impl Fn(&Values) -> V,
    from: Option<&V>,
    to: Option<&V>,
) -> Pairs {
    let mut pairs = neighbours(model, identity);
    pairs.retain(|(before, after)| {
        let (before, after) = (value(&before.values), value(&after.values));
        before != after
            && from.is_none_or(|from| before == *from)
            && to.is_none_or(|to| after == *to)
    });
    pairs
}

async fn changes_of_names<T: Table>(
    db: &DatabaseConnection,
    model: &Model,
    turn: usize,
) -> Checked {
    let name = |values: &Values| values.name.clone();
    let found = pairs::<T>(T::find_changes(T::NAME).all(db).await)?;
    same("changes", found, changes(model, None, name, None, None))?;
    let identity = turn % IDENTITIES;
    let one = T::find_changes(T::NAME).of(T::identity(identity));
    let found = pairs::<T>(one.all(db).await)?;
    let expected = changes(model, Some(identity), name, None, None);
    same("changes of one", found, expected)?;
    for value in ["A", "B", "C"] {
        let text = value.to_owned();
        let found = pairs::<T>(T::find_changes(T::NAME).from_value(value).all(db).await)?;
        let expected = changes(model, None, name, Some(&text), None);
        same(("changes from", value), found, expected)?;
        let found = pairs::<T>(T::find_changes(T::NAME).to_value(value).all(db).await)?;
        let expected = changes(model, None, name, None, Some(&text));
        same(("changes to", value), found, expected)?;
    }
    Ok(())
}

async fn changes_of_floors<T: Table>(
    db: &DatabaseConnection,
    model: &Model,
    turn: usize,
) -> Checked {
    let floor = |values: &Values| values.floor;
    let found = pairs::<T>(T::find_changes(T::FLOOR).all(db).await)?;
    same("changes", found, changes(model, None, floor, None, None))?;
    let identity = turn % IDENTITIES;
    for value in [None, Some(1), Some(2)] {
        let of = || T::find_changes(T::FLOOR).of(T::identity(identity));
        let found = pairs::<T>(of().from_value(value).all(db).await)?;
        let expected = changes(model, Some(identity), floor, Some(&value), None);
        same(("changes from", value), found, expected)?;
        let found = pairs::<T>(of().to_value(value).all(db).await)?;
        let expected = changes(model, Some(identity), floor, None, Some(&value));
        same(("changes to", value), found, expected)?;
    }
    let found = pairs::<T>(T::find_gaps().of(T::identity(identity)).all(db).await)?;
    same("gaps of one", found, gaps(model, Some(identity)))
}

async fn compare_scheduled<T: Table>(db: &DatabaseConnection, model: &Model) -> Checked {
    let now = now::<T>(db).await;
    for identity in 0..IDENTITIES {
        let found = versions::<T>(db, T::find_scheduled(T::identity(identity))).await?;
        let mut expected = model.find_timeline(identity);
        expected.retain(|version| version.from > now);
        same(("scheduled", identity), found, expected)?;
        let found = versions::<T>(db, T::find_current_version(T::identity(identity))).await?;
        let expected = model.find_version_at(identity, now);
        same(
            ("current version", identity),
            found,
            expected.into_iter().collect(),
        )?;
    }
    let mut found = versions::<T>(db, T::find_current()).await?;
    found.sort_by_key(|version| version.identity);
    same("current", found, valid_at(model, now))
}

/// Compares reads as known at a moment with the model of that moment.
pub async fn compare_known<T: Table>(
    db: &DatabaseConnection,
    known: DateTimeUtc,
    model: &Model,
) -> Checked {
    let then = || T::then(known);
    for identity in 0..IDENTITIES {
        let found = versions::<T>(db, then().find_timeline(T::identity(identity))).await?;
        same(
            ("known timeline", identity),
            found,
            model.find_timeline(identity),
        )?;
    }
    let found = pairs::<T>(then().find_gaps().all(db).await)?;
    same("known gaps", found, gaps(model, None))
}

/// The same for the reads at a time.
pub async fn compare_known_at_points<T: Table>(
    db: &DatabaseConnection,
    known: DateTimeUtc,
    model: &Model,
    turn: usize,
) -> Checked {
    if turn.is_multiple_of(3) {
        compare_joined::<T>(db, model, Some(known)).await?;
    }
    let then = || T::then(known);
    let points = points(model);
    let at = points[turn * 5 % points.len()];
    let identity = turn % IDENTITIES;
    let found = then().find_version_at(T::identity(identity), T::time(at));
    let found = versions::<T>(db, found).await?;
    let expected = model.find_version_at(identity, at);
    same(
        ("known version", identity, at),
        found,
        expected.into_iter().collect(),
    )?;
    let found = then().find_scheduled_after(T::identity(identity), T::time(at));
    let found = versions::<T>(db, found).await?;
    let mut expected = model.find_timeline(identity);
    expected.retain(|version| version.from > at);
    same(("known scheduled", identity, at), found, expected)?;
    let mut found = versions::<T>(db, then().find_valid_at(T::time(at))).await?;
    found.sort_by_key(|version| version.identity);
    same(("known valid at", at), found, valid_at(model, at))?;
    let found = pairs::<T>(then().find_changes(T::NAME).all(db).await)?;
    let expected = changes(model, None, |values| values.name.clone(), None, None);
    same("known changes", found, expected)
}
