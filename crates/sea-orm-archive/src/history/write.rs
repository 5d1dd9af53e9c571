//! Running a write: lock the identity, write, and say what came of it.

use std::sync::Arc;

use sea_orm::sea_query::{PostgresQueryBuilder, QueryBuilder};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, TransactionTrait, Value};
use tracing::Instrument;

use super::entity::{History, ValidTime};
use super::plan::{HistoryPlan, Names, planned, replanned};
use super::statement::{Instant, lock};
use crate::entity::DeclaredName;
use crate::error::{Error, dependent_rows, postgres};
use crate::run::{ATTEMPTS, Sql, back_off, check_backend, finish, is_pool};
use crate::sql::quote;

/// One step of a write.
pub(super) struct Step<'a> {
    /// Run in this order until one of them answers: what mostly does it first, then what always
    /// does, then what reads the version, whose values may be as asked for already.
    pub statements: Vec<Text<'a>>,
    /// No version is an error, and nothing of the write remains.
    pub required: bool,
}

/// A statement, written when it is needed: the long ones take longer to write than to send.
pub(super) type Text<'a> = Box<dyn Fn() -> Sql + Send + Sync + 'a>;

impl<'a> Step<'a> {
    pub fn required(statements: impl IntoIterator<Item = Text<'a>>) -> Self {
        Self {
            statements: statements.into_iter().collect(),
            required: true,
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

/// Locks, runs the steps, and commits; the answer is that of each step.
///
/// On a pool one transaction, tried again where another one was in the way; in a transaction of the
/// caller's a savepoint.
pub(super) async fn write<'a, E, C>(
    db: &C,
    subject: &Subject<'_>,
    steps: impl Fn(&Arc<HistoryPlan>) -> Result<Vec<Step<'a>>, Error>,
) -> Result<Vec<Vec<E::Model>>, Error>
where
    E: History,
    C: ConnectionTrait + TransactionTrait + 'static,
{
    check_backend(db)?;
    let span = tracing::info_span!(
        "history",
        verb = subject.verb,
        table = E::default().table_name(),
        versions = tracing::field::Empty,
    );
    let work = async {
        let mut plan = planned::<E, C>(db).await?;
        for attempt in 1..ATTEMPTS {
            match once::<E, C>(db, &plan, subject, steps(&plan)?).await {
                Err(Error::Contention { .. }) if is_pool::<C>() => back_off(attempt).await,
                Err(error) => match replanned::<E, C>(db, &plan, &error).await? {
                    Some(new) => plan = new,
                    None => return Err(explain::<E, C>(db, error, subject).await),
                },
                written => return written,
            }
        }
        once::<E, C>(db, &plan, subject, steps(&plan)?).await
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
    C: ConnectionTrait + TransactionTrait,
{
    let transaction = db.begin().await?;
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
    for identity in in_order(subject) {
        if db
            .query_one_raw(statement(&lock(plan, identity)))
            .await?
            .is_none()
        {
            return Err(Error::NoIdentity {
                table: plan.identity.parent.to_string(),
                key: identity_text(plan.names.identity.iter(), identity),
            });
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
            return Err(no_version::<E>(subject));
        }
        written.push(models);
    }
    Ok(written)
}

/// Race: two merges of the same identities the other way round. All lock them in one order.
fn in_order<'a>(subject: &Subject<'a>) -> Vec<&'a [Value]> {
    let mut identities: Vec<&[Value]> = std::iter::once(subject.identity)
        .chain(subject.other)
        .collect();
    identities.sort_by_key(|identity| format!("{identity:?}"));
    identities
}

/// The versions that a statement returns.
pub(super) async fn models<E, C>(db: &C, sql: &Sql) -> Result<Vec<E::Model>, Error>
where
    E: History,
    C: ConnectionTrait,
{
    let rows = db.query_all_raw(statement(sql)).await?;
    let models: Result<_, _> = rows
        .iter()
        .map(|row| E::Model::from_query_result(row, ""))
        .collect();
    Ok(models?)
}

fn statement(sql: &Sql) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, &sql.text, sql.values.clone())
}

/// Says of a constraint what it means here.
async fn explain<E, C>(db: &C, error: Error, subject: &Subject<'_>) -> Error
where
    E: History,
    C: ConnectionTrait + TransactionTrait,
{
    let Error::Database(source) = &error else {
        return error;
    };
    let Some(source) = postgres(source) else {
        return error;
    };
    let table = table::<E>();
    let constraint = source.constraint().unwrap_or_default().to_owned();
    match source.code() {
        "23503" => dependent_rows(&table, &error).unwrap_or(error),
        "23P01" | "23505" => {
            let periods = periods::<E, C>(db, subject).await.ok().flatten();
            let Some((wanted, existing)) = periods else {
                return error;
            };
            Error::Overlap {
                table,
                identity: identity_text_of::<E>(subject.identity),
                constraint,
                wanted,
                existing,
            }
        }
        _ => error,
    }
}

/// The period that was asked for, and the first that is in its way.
async fn periods<E, C>(db: &C, subject: &Subject<'_>) -> Result<Option<(String, String)>, Error>
where
    E: History,
    C: ConnectionTrait + TransactionTrait,
{
    let names = Names::of::<E>();
    let (time, range) = (E::Time::SQL_TYPE, E::Time::RANGE);
    let mut sql = Sql {
        text: String::new(),
        values: Vec::new(),
    };
    let from = match subject.from {
        Instant::At(time) => sql.bind(time.clone()),
        Instant::Now => E::Time::NOW.to_owned(),
    };
    let to = subject
        .to
        .map_or("NULL".to_owned(), |to| sql.bind(to.clone()));
    let mut conditions: Vec<_> = names
        .identity
        .iter()
        .zip(subject.identity)
        .map(|(name, value)| format!("h.{} = {}", quote(name), sql.bind(value.clone())))
        .collect();
    if let Some((_, to)) = &names.recorded {
        conditions.push(format!("h.{} IS NULL", quote(to)));
    }
    let (valid_from, valid_to) = (quote(&names.valid_from), quote(&names.valid_to));
    sql.text = format!(
        "SELECT p.wanted::text AS wanted, {range}(h.{valid_from}, h.{valid_to})::text AS existing \
         FROM {} AS h, (SELECT {range}(CAST({from} AS {time}), CAST({to} AS {time})) AS wanted) AS p \
         WHERE {} AND {range}(h.{valid_from}, h.{valid_to}) && p.wanted ORDER BY h.{valid_from} LIMIT 1",
        DeclaredName::of::<E>().quoted(),
        conditions.join(" AND "),
    );
    let Some(row) = db.query_one_raw(statement(&sql)).await? else {
        return Ok(None);
    };
    Ok(Some((
        row.try_get("", "wanted")?,
        row.try_get("", "existing")?,
    )))
}

/// The table, for messages.
pub(super) fn table<E: History>() -> String {
    DeclaredName::of::<E>().quoted().replace('"', "")
}

/// An identity, for messages.
pub(super) fn identity_text_of<E: History>(identity: &[Value]) -> String {
    identity_text(Names::of::<E>().identity.iter(), identity)
}

pub(super) fn no_version<E: History>(subject: &Subject<'_>) -> Error {
    Error::NoVersion {
        table: table::<E>(),
        identity: identity_text_of::<E>(subject.identity),
        at: match subject.from {
            Instant::At(time) => text(time),
            Instant::Now => "now".to_owned(),
        },
    }
}

/// `(department_id = 4)`.
fn identity_text<'a>(names: impl Iterator<Item = &'a String>, identity: &[Value]) -> String {
    let pairs: Vec<_> = names
        .zip(identity)
        .map(|(name, value)| format!("{name} = {}", text(value)))
        .collect();
    format!("({})", pairs.join(", "))
}

/// A value, for messages.
pub(super) fn text(value: &Value) -> String {
    PostgresQueryBuilder
        .value_to_string(value)
        .trim_matches('\'')
        .to_owned()
}
