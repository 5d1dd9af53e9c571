//! Changes values from a time on or for a period, and corrects versions that were recorded wrongly.

use std::sync::Arc;

use sea_orm::Value;

use super::close_and_open::close_and_open;
use super::coalesce;
use super::entity::{History, Period, ValidTime};
use super::pieces::{Answer, Write};
use super::plan::HistoryPlan;
use super::statement::{Instant, Statement};
use super::values::{Values, takes_values};
use super::write::{Step, Subject, Text, no_version, time_text, write};
use crate::error::{Error, RefusedError};
use crate::exec::{Executor, Sql};
use crate::row::table_name;

/// Changes an identity from a time on. Created by
/// [`HistoryEntity::change`](super::HistoryEntity::change).
#[derive(Clone, Debug)]
#[must_use = "nothing is changed before `.exec(&db)`"]
pub struct Change<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    from: Instant,
}

/// Changes an identity for a period. Created by [`Change::during`].
#[derive(Clone, Debug)]
#[must_use = "nothing is changed before `.exec(&db)`"]
pub struct ChangeDuring<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    period: Period<E::Time>,
}

/// Corrects one version. Created by [`HistoryEntity::correct`](super::HistoryEntity::correct).
#[derive(Clone, Debug)]
#[must_use = "nothing is corrected before `.exec(&db)`"]
pub struct Correct<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    at: E::Time,
}

takes_values!(Change, ChangeDuring, Correct);

impl<E: History> Change<E> {
    pub(super) fn new(identity: Vec<Value>) -> Self {
        Self {
            identity,
            values: Values::default(),
            from: Instant::Now,
        }
    }

    /// When the new values become valid; the default is now.
    pub fn valid_from(mut self, time: E::Time) -> Self {
        self.from = Instant::At(time.into());
        self
    }

    /// The period for which the new values are valid, whichever versions it contains: `a..b` is half-open,
    /// `a..` has no end.
    pub fn during(self, period: impl Into<Period<E::Time>>) -> ChangeDuring<E> {
        ChangeDuring {
            identity: self.identity,
            values: self.values,
            period: period.into(),
        }
    }

    /// Ends the version that is valid at that time and starts one with the new values, which ends when the old
    /// one would have ended: scheduled versions stay scheduled.
    ///
    /// Returns the version that is valid then. Columns that are not given carry over. Where the version has the
    /// given values already, nothing is written. Where the version starts at exactly that time, it is changed
    /// itself: two changes at one instant are one version.
    ///
    /// One transaction locks the identity (`FOR NO KEY UPDATE`); then one statement reads the clock, closes the
    /// version and opens the new one. A version that has an end already takes another statement.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Version`], [`NotFoundError::Identity`], [`RefusedError::ManagedColumn`],
    /// [`ConflictError::DependentRows`],
    /// [`DriftError::Schema`], [`RetryError::Contention`]: nothing has changed then.
    ///
    /// [`ConflictError::DependentRows`]: crate::error::ConflictError::DependentRows
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`NotFoundError::Identity`]: crate::error::NotFoundError::Identity
    /// [`NotFoundError::Version`]: crate::error::NotFoundError::Version
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let subject = Subject {
            verb: "change",
            identity: &self.identity,
            other: None,
            from: &self.from,
            to: None,
        };
        let steps = |plan: &Arc<HistoryPlan>| Ok(vec![change(plan, &self.values, &subject)?]);
        last::<E>(write::<E, C>(db, &subject, steps).await?, &subject)
    }
}

/// The step that changes an identity from a time on.
pub(super) fn change<'a, E: History>(
    plan: &Arc<HistoryPlan>,
    values: &'a Values<E>,
    subject: &'a Subject<'a>,
) -> Result<Step<'a>, Error> {
    values.check(plan)?;
    let mut statements: Vec<Text<'a>> = Vec::new();
    if plan.names.recorded.is_none() {
        let plan = Arc::clone(plan);
        statements.push(Box::new(move || {
            close_and_open(&plan, values, subject.identity, subject.from)
        }));
    }
    let general = Arc::clone(plan);
    statements.push(Box::new(move || from_then_on(&general, values, subject)));
    statements.push(read_at(plan, values, subject));
    Ok(Step::required(statements))
}

/// The statement that ends the version at a time, with or without an end of its own, and starts another one.
fn from_then_on<E: History>(plan: &HistoryPlan, values: &Values<E>, subject: &Subject<'_>) -> Sql {
    let statement = Statement::new(plan, values, subject.identity, subject.from, None);
    let (from, to) = (statement.from(), statement.to());
    let source = statement.version_valid_at(&values.differ(plan));
    statement.write(&Write::shrinking(
        source,
        vec![
            format!("SELECT s.{from}, p.\"from\", false, true, false WHERE s.{from} < p.\"from\""),
            format!("SELECT p.\"from\", s.{to}, true, s.{from} >= p.\"from\", false"),
        ],
        Answer::Fresh,
    ))
}

/// The statement that reads the version at a time.
fn read_at<'a, E: History>(
    plan: &Arc<HistoryPlan>,
    values: &'a Values<E>,
    subject: &'a Subject<'a>,
) -> Text<'a> {
    let plan = Arc::clone(plan);
    Box::new(move || {
        let statement = Statement::new(&plan, values, subject.identity, subject.from, None);
        let version = statement.version_valid_at(&statement.agrees());
        statement.read(&version)
    })
}

impl<E: History> ChangeDuring<E> {
    /// Sets the new values in all versions of the period. Versions are split at its ends, so that values
    /// outside of the period do not change. Neighbours with equal values become one version afterwards, unless
    /// a foreign key refers to single versions or the history is bitemporal. Gaps in the period stay gaps.
    ///
    /// Returns the versions that overlap the period afterwards, in order.
    ///
    /// # Errors
    ///
    /// [`RefusedError::EmptyPeriod`], [`NotFoundError::Version`] where no version overlaps the period, or as
    /// [`Change::exec`]: nothing has changed then.
    ///
    /// [`NotFoundError::Version`]: crate::error::NotFoundError::Version
    pub async fn exec<C>(self, db: &C) -> Result<Vec<E::Model>, Error>
    where
        C: Executor,
    {
        check_period::<E>(&self.period)?;
        let from = Instant::At(self.period.from.into());
        let to = self.period.to.map(Into::into);
        let subject = Subject {
            verb: "change during",
            identity: &self.identity,
            other: None,
            from: &from,
            to: to.as_ref(),
        };
        let mut written =
            write::<E, C>(db, &subject, |plan| during(plan, &self.values, &subject)).await?;
        Ok(written.pop().unwrap_or_default())
    }
}

fn during<'a, E: History>(
    plan: &Arc<HistoryPlan>,
    values: &'a Values<E>,
    subject: &'a Subject<'a>,
) -> Result<Vec<Step<'a>>, Error> {
    values.check(plan)?;
    let (write, merge) = (Arc::clone(plan), Arc::clone(plan));
    let mut steps = vec![Step::required([
        Box::new(move || in_period(&write, values, subject)) as Text<'a>,
        read_period(plan, values, subject, true),
    ])];
    // In a bitemporal history, merging would supersede versions that were not corrected.
    if plan.followers().next().is_none() && plan.names.recorded.is_none() {
        steps.push(Step {
            statements: vec![Box::new(move || {
                coalesce::touching(&merge, values, subject)
            })],
            required: false,
            of: None,
        });
    }
    steps.push(Step::required([read_period(plan, values, subject, false)]));
    Ok(steps)
}

/// The statement that sets the values of the versions in a period.
fn in_period<E: History>(plan: &HistoryPlan, values: &Values<E>, subject: &Subject<'_>) -> Sql {
    let statement = Statement::new(plan, values, subject.identity, subject.from, subject.to);
    let (from, to) = (statement.from(), statement.to());
    let source = statement.overlapping(&values.differ(plan));
    // NULL is a period without an end, and LEAST ignores it.
    let inside = format!("greatest(s.{from}, p.\"from\"), least(s.{to}, p.\"to\")");
    statement.write(&Write::shrinking(
        source,
        vec![
            format!("SELECT s.{from}, p.\"from\", false, true, false WHERE s.{from} < p.\"from\""),
            format!("SELECT {inside}, true, s.{from} >= p.\"from\", false"),
            format!(
                "SELECT p.\"to\", s.{to}, false, false, false \
                 WHERE p.\"to\" < s.{to} OR (p.\"to\" IS NOT NULL AND s.{to} IS NULL)"
            ),
        ],
        Answer::Fresh,
    ))
}

/// The statement that reads the versions in a period. With `must_agree` it fails where one has other values
/// than given.
fn read_period<'a, E: History>(
    plan: &Arc<HistoryPlan>,
    values: &'a Values<E>,
    subject: &'a Subject<'a>,
    must_agree: bool,
) -> Text<'a> {
    let plan = Arc::clone(plan);
    Box::new(move || {
        let statement = Statement::new(&plan, values, subject.identity, subject.from, subject.to);
        let agrees = match must_agree {
            true => statement.agrees(),
            false => "true".to_owned(),
        };
        let versions = statement.overlapping(&agrees);
        statement.read(&versions)
    })
}

impl<E: History> Correct<E> {
    pub(super) fn new(identity: Vec<Value>, at: E::Time) -> Self {
        Self {
            identity,
            values: Values::default(),
            at,
        }
    }

    /// Sets the values of the version that is valid at that time, for all of its period: the values were
    /// recorded wrongly.
    ///
    /// Returns the version. In a bitemporal history the wrong version is retained as superseded; otherwise it is
    /// overwritten.
    ///
    /// # Errors
    ///
    /// As [`Change::exec`].
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let from = Instant::At(self.at.into());
        let subject = Subject {
            verb: "correct",
            identity: &self.identity,
            other: None,
            from: &from,
            to: None,
        };
        let (values, subject) = (&self.values, &subject);
        let steps = |plan: &Arc<HistoryPlan>| {
            values.check(plan)?;
            let write = Arc::clone(plan);
            Ok(vec![Step::required([
                Box::new(move || whole_version(&write, values, subject)) as Text<'_>,
                read_at(plan, values, subject),
            ])])
        };
        last::<E>(write::<E, C>(db, subject, steps).await?, subject)
    }
}

/// The statement that sets the values of the version at a time, for all of its period.
fn whole_version<E: History>(plan: &HistoryPlan, values: &Values<E>, subject: &Subject<'_>) -> Sql {
    let statement = Statement::new(plan, values, subject.identity, subject.from, None);
    let (from, to) = (statement.from(), statement.to());
    let source = statement.version_valid_at(&values.differ(plan));
    statement.write(&Write::shrinking(
        source,
        vec![format!("SELECT s.{from}, s.{to}, true, true, false")],
        Answer::Fresh,
    ))
}

/// The version that the last step returned.
pub(super) fn last<E: History>(
    written: Vec<Vec<E::Model>>,
    subject: &Subject<'_>,
) -> Result<E::Model, Error> {
    written
        .into_iter()
        .flatten()
        .last()
        .ok_or_else(|| no_version::<E>(subject))
}

pub(super) fn check_period<E: History>(period: &Period<E::Time>) -> Result<(), Error> {
    match &period.to {
        Some(to) if to.ticks() <= period.from.ticks() => Err(empty_period::<E>(&period.from, to)),
        _ => Ok(()),
    }
}

pub(super) fn empty_period<E: History>(from: &E::Time, to: &E::Time) -> Error {
    let text = |time: &E::Time| time_text(&time.clone().into());
    Error::Refused(RefusedError::EmptyPeriod {
        table: table_name::<E>(),
        from: text(from),
        to: text(to),
    })
}
