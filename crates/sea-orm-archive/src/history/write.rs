//! Runs a write: locks the identity, writes, and returns the versions or explains the error.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement, Value};
use sea_orm_archive_postgres::ident::{quote, type_name};
use sea_orm_archive_postgres::sqlstate;
use serde_json::Value as Json;
use tracing::Instrument;

use super::entity::{History, ValidTime};
use super::identity::{bound_identity, lock, of_identity};
use super::names::version_columns;
use super::plan::{HistoryPlan, planned, replanned};
use super::statement::Instant;
use crate::entity::DeclaredName;
use crate::error::{ConflictError, Error, NotFoundError, RetryError, dependent_rows, postgres};
use crate::exec::{Attempts, Executor, Repreparing, Sql, begin, check_backend, finish, value_text};
use crate::row::{columns_json, table_name};

/// One step of a write.
pub(super) struct Step<'a> {
    /// The statements, run in this order until one returns versions: first the one for the common case, then
    /// the general one, then the one that reads the version, which may have the given values already.
    pub statements: Vec<Text<'a>>,
    /// Whether it is an error that no statement returns a version; then the write is rolled back.
    pub required: bool,
    /// The identity of the step, where that is not the subject's.
    pub of: Option<&'a [Value]>,
}

/// A statement, generated when it is needed: generating a long one takes longer than sending it.
pub(super) type Text<'a> = Box<dyn Fn() -> Sql + Send + Sync + 'a>;

impl<'a> Step<'a> {
    pub fn required(statements: impl IntoIterator<Item = Text<'a>>) -> Self {
        Self {
            statements: statements.into_iter().collect(),
            required: true,
            of: None,
        }
    }
}

/// What is written, for locks, messages and the log.
pub(super) struct Subject<'a> {
    /// The verb: `change`.
    pub verb: &'static str,
    /// The identity.
    pub identity: &'a [Value],
    /// Another identity that is written too.
    pub other: Option<&'a [Value]>,
    pub from: &'a Instant,
    pub to: Option<&'a Value>,
}

/// Locks the identities, runs the steps, and commits. Returns the versions of each step.
///
/// On a pool this is one transaction, which is retried after contention; in a transaction of the caller a savepoint.
pub(super) async fn write<'a, E, C>(
    db: &C,
    subject: &Subject<'_>,
    steps: impl Fn(&Arc<HistoryPlan>) -> Result<Vec<Step<'a>>, Error>,
) -> Result<Vec<Vec<E::Model>>, Error>
where
    E: History,
    C: Executor,
{
    check_backend(db)?;
    let span = tracing::info_span!(
        "history",
        verb = subject.verb,
        table = E::default().table_name(),
        versions = tracing::field::Empty,
    );
    let work = async {
        let mut plan = planned::<E>(db).await?;
        let mut attempts = Attempts::of(db);
        loop {
            // A cached plan may refuse what the table allows now.
            let written = match steps(&plan) {
                Ok(steps) => once::<E, C>(db, &plan, subject, steps).await,
                Err(refusal) => Err(refusal),
            };
            let error = match written {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            match error {
                error if !attempts.remain() => return Err(error),
                error if attempts.allow(&error) => attempts.wait().await,
                // Its savepoint has been rolled back, and the text of the next attempt is another one.
                Error::Retry(RetryError::OutdatedStatement { .. }) => attempts.next(),
                error => match replanned::<E>(db, &plan, &error).await? {
                    Some(new) => {
                        attempts.next();
                        plan = new;
                    }
                    None => match explain::<E, C>(db, &plan, error, subject).await {
                        Explained::As(error) => return Err(error),
                        Explained::Passed(_) if db.is_pool() => attempts.wait().await,
                        Explained::Passed(error) => return Err(error),
                    },
                },
            }
        }
    };
    let written = work.instrument(span.clone()).await?;
    span.record("versions", written.iter().map(Vec::len).sum::<usize>());
    span.in_scope(|| tracing::debug!("written"));
    Ok(written)
}

async fn once<E, C>(
    db: &C,
    plan: &HistoryPlan,
    subject: &Subject<'_>,
    steps: Vec<Step<'_>>,
) -> Result<Vec<Vec<E::Model>>, Error>
where
    E: History,
    C: Executor,
{
    let transaction = begin(db).await?;
    let written = run::<E, _>(&transaction, plan, subject, steps).await;
    finish(transaction, written).await
}

async fn run<E, C>(
    db: &C,
    plan: &HistoryPlan,
    subject: &Subject<'_>,
    steps: Vec<Step<'_>>,
) -> Result<Vec<Vec<E::Model>>, Error>
where
    E: History,
    C: ConnectionTrait,
{
    let identities: Vec<&[Value]> = std::iter::once(subject.identity)
        .chain(subject.other)
        .collect();
    let locked = db
        .query_all_raw(statement(&lock::<E>(plan, &identities)))
        .await?;
    for (n, identity) in identities.iter().enumerate() {
        let is_this =
            |row: &QueryResult| row.try_get::<i32>("", "which").ok() == i32::try_from(n).ok();
        if !locked.iter().any(is_this) {
            let parents = plan.names.identity.iter().filter_map(|name| {
                let column = plan.identity.columns.iter().find(|c| &c.child == name)?;
                Some(column.parent.clone())
            });
            return Err(Error::NotFound(NotFoundError::Identity {
                table: plan.identity.parent.to_string(),
                key: columns_json(parents, identity),
            }));
        }
    }
    let mut written = Vec::with_capacity(steps.len());
    for step in steps {
        let mut models = Vec::new();
        for text in &step.statements {
            models = self::models::<E, C>(db, &text()).await?;
            if !models.is_empty() {
                break;
            }
        }
        if models.is_empty() && step.required {
            let identity = step.of.unwrap_or(subject.identity);
            return Err(no_version_of::<E>(identity, subject.from));
        }
        written.push(models);
    }
    Ok(written)
}

/// The versions that a statement returns.
pub(super) async fn models<E, C>(db: &C, sql: &Sql) -> Result<Vec<E::Model>, Error>
where
    E: History,
    C: ConnectionTrait,
{
    let rows = Repreparing(db).query_all_raw(statement(sql)).await?;
    let models: Result<_, _> = rows
        .iter()
        .map(|row| E::Model::from_query_result(row, ""))
        .collect();
    Ok(models?)
}

fn statement(sql: &Sql) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, &sql.text, sql.values.clone())
}

/// The cause of an error.
enum Explained {
    As(Error),
    /// The version that overlapped no longer exists: the next attempt may succeed.
    Passed(Error),
}

/// Converts the violation of a constraint into an error of this crate.
async fn explain<E, C>(db: &C, plan: &HistoryPlan, error: Error, subject: &Subject<'_>) -> Explained
where
    E: History,
    C: Executor,
{
    let Error::Database(source) = &error else {
        return Explained::As(error);
    };
    let Some(source) = postgres(source) else {
        return Explained::As(error);
    };
    let constraint = source.constraint().unwrap_or_default().to_owned();
    let is_own = plan.table.outgoing.iter().any(|key| key.name == constraint);
    let is_guard = plan.guards.contains(&constraint);
    // For these verbs a unique violation can mean that another version starts at the same time. For other verbs
    // it is a value that must be unique.
    let may_overlap = source.code() == sqlstate::UNIQUE_VIOLATION
        && matches!(subject.verb, "start" | "reschedule");
    if sqlstate::is_foreign_key(source.code()) && !is_own {
        return Explained::As(dependent_rows(&table_name::<E>(), &error).unwrap_or(error));
    }
    if !(is_guard || may_overlap) {
        return Explained::As(error);
    }
    match periods::<E, C>(db, plan, subject).await {
        Ok(Some((wanted, existing))) => Explained::As(Error::Conflict(ConflictError::Overlap {
            table: table_name::<E>(),
            identity: identity_json::<E>(subject.identity),
            constraint,
            wanted,
            existing,
        })),
        Ok(None) if is_guard => Explained::Passed(error),
        _ => Explained::As(error),
    }
}

/// The requested period, and the first one that overlaps it. In a transaction of the caller this is a
/// savepoint, so that a failure does not abort the transaction.
async fn periods<E, C>(
    db: &C,
    plan: &HistoryPlan,
    subject: &Subject<'_>,
) -> Result<Option<(String, String)>, Error>
where
    E: History,
    C: Executor,
{
    let nested = begin(db).await?;
    let found = nested
        .query_one_raw(statement(&overlapping::<E>(plan, subject)))
        .await;
    let found = finish(nested, found.map_err(Error::from)).await?;
    let Some(row) = found else {
        return Ok(None);
    };
    Ok(Some((
        row.try_get("", "wanted")?,
        row.try_get("", "existing")?,
    )))
}

/// The query for the first version that overlaps the requested period. A reschedule requests the time between
/// the old start and the new one.
fn overlapping<E: History>(plan: &HistoryPlan, subject: &Subject<'_>) -> Sql {
    let names = version_columns::<E>();
    let (time, range) = (type_name(E::Time::SQL_TYPE), E::Time::RANGE);
    let mut sql = Sql {
        text: String::new(),
        values: Vec::new(),
    };
    let from = match subject.from {
        Instant::At(time) => sql.bind(time.clone()),
        Instant::Now | Instant::EndOf(_) => E::Time::NOW.to_owned(),
    };
    let from = format!("CAST({from} AS {time})");
    let wanted = match subject.to {
        None => format!("pg_catalog.{range}({from}, NULL)"),
        Some(to) => {
            let to = format!("CAST({} AS {time})", sql.bind(to.clone()));
            format!("pg_catalog.{range}(least({from}, {to}), greatest({from}, {to}))")
        }
    };
    let of_identity = of_identity(plan, &bound_identity::<E>(subject.identity, &mut sql));
    let mut conditions = vec![of_identity];
    let (valid_from, valid_to) = (quote(&names.valid_from), quote(&names.valid_to));
    let existing = format!("pg_catalog.{range}(h.{valid_from}, h.{valid_to})");
    // A version that is rescheduled does not overlap itself.
    if subject.verb == "reschedule" {
        conditions.push(format!("h.{valid_from} <> {from}"));
    }
    sql.text = format!(
        "SELECT p.wanted::pg_catalog.text AS wanted, {existing}::pg_catalog.text AS existing \
         FROM {} AS h, (SELECT {wanted} AS wanted) AS p \
         WHERE {} AND {existing} OPERATOR(pg_catalog.&&) p.wanted ORDER BY h.{valid_from} LIMIT 1",
        DeclaredName::of::<E>().quoted(),
        conditions.join(" AND "),
    );
    sql
}

/// An identity, for errors.
pub(super) fn identity_json<E: History>(identity: &[Value]) -> Box<Json> {
    columns_json(version_columns::<E>().identity, identity)
}

pub(super) fn no_version<E: History>(subject: &Subject<'_>) -> Error {
    no_version_of::<E>(subject.identity, subject.from)
}

fn no_version_of<E: History>(identity: &[Value], at: &Instant) -> Error {
    Error::NotFound(NotFoundError::Version {
        table: table_name::<E>(),
        identity: identity_json::<E>(identity),
        at: match at {
            Instant::At(time) => time_text(time),
            Instant::Now | Instant::EndOf(_) => "now".to_owned(),
        },
    })
}

/// A time, for errors.
pub(super) fn time_text(time: &Value) -> String {
    value_text(time).unwrap_or_default()
}
