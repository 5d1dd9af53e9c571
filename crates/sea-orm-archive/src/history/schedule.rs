//! Cancels and reschedules versions that have not started.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, Value};

use super::change::last;
use super::coalesce::refuse_followers;
use super::entity::History;
use super::pieces::{Answer, Write};
use super::plan::HistoryPlan;
use super::recorded_at;
use super::statement::{Instant, Statement};
use super::values::{Values, takes_by};
use super::write::{Step, Subject, Text, identity_json, time_text, write};
use crate::error::{Error, NotFoundError, RefusedError};
use crate::exec::Executor;
use crate::row::table_name;

/// Cancels a scheduled version. Created by [`HistoryEntity::cancel`](super::HistoryEntity::cancel).
#[derive(Clone, Debug)]
#[must_use = "nothing is cancelled before `.exec(&db)`"]
pub struct Cancel<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    starts: E::Time,
}

/// Moves the start of a scheduled version. Created by
/// [`HistoryEntity::reschedule`](super::HistoryEntity::reschedule).
#[derive(Clone, Debug)]
#[must_use = "nothing is rescheduled before `.exec(&db)`"]
pub struct Reschedule<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    starts: E::Time,
    to: E::Time,
}

takes_by!(Cancel, Reschedule);

impl<E: History> Cancel<E> {
    pub(super) fn new(identity: Vec<Value>, starts: E::Time) -> Self {
        Self {
            identity,
            values: Values::default(),
            starts,
        }
    }

    /// Cancels the version; the one before it, if they are adjacent, continues until its end.
    ///
    /// Returns the version as it was. With transaction time it is retained as superseded; without it, it is deleted.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::ScheduledVersion`] where no version starts at that time, or it has started;
    /// [`ConflictError::DependentRows`] where rows need it, or a foreign key refers to single versions;
    /// [`NotFoundError::Identity`], [`DriftError::Schema`], [`RetryError::Contention`]: nothing has changed then.
    ///
    /// [`ConflictError::DependentRows`]: crate::error::ConflictError::DependentRows
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let starts = Instant::At(self.starts.clone().into());
        let subject = Subject {
            verb: "cancel",
            identity: &self.identity,
            other: None,
            from: &starts,
            to: None,
        };
        let (values, identity) = (&self.values, self.identity.as_slice());
        let starts = &starts;
        let steps = |plan: &Arc<HistoryPlan>| {
            refuse_followers(plan)?;
            values.check_by(plan)?;
            let plan = Arc::clone(plan);
            let cancel = move || {
                let statement = Statement::new(&plan, values, identity, starts, None);
                let write = cancelled(&plan, &statement);
                statement.write(&write)
            };
            Ok(vec![Step::required([Box::new(cancel) as Text<'_>])])
        };
        match write::<E, C>(db, &subject, steps).await {
            Err(Error::NotFound(NotFoundError::Version { .. })) => {
                Err(not_scheduled::<E>(&self.identity, &self.starts))
            }
            written => last::<E>(written?, &subject),
        }
    }
}

impl<E: History> Reschedule<E> {
    pub(super) fn new(identity: Vec<Value>, starts: E::Time, to: E::Time) -> Self {
        Self {
            identity,
            values: Values::default(),
            starts,
            to,
        }
    }

    /// Moves the start of the version; the one before it, if they are adjacent, ends at the new start.
    ///
    /// Returns the version. Its end, and other versions, do not change.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::ScheduledVersion`] where no version starts at that time, or it has started, or the new
    /// start is in the past; [`RefusedError::EmptyPeriod`] where it would start after its end, or before the
    /// start of the one that it follows; [`ConflictError::Overlap`], [`ConflictError::DependentRows`],
    /// [`NotFoundError::Identity`], [`DriftError::Schema`], [`RetryError::Contention`]: nothing has changed then.
    ///
    /// [`ConflictError::DependentRows`]: crate::error::ConflictError::DependentRows
    /// [`ConflictError::Overlap`]: crate::error::ConflictError::Overlap
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let starts = Instant::At(self.starts.clone().into());
        let to: Value = self.to.clone().into();
        let subject = Subject {
            verb: "reschedule",
            identity: &self.identity,
            other: None,
            from: &starts,
            to: Some(&to),
        };
        let (values, identity) = (&self.values, self.identity.as_slice());
        let (starts, to) = (&starts, &to);
        let steps = |plan: &Arc<HistoryPlan>| {
            values.check_by(plan)?;
            let plan = Arc::clone(plan);
            let reschedule = move || {
                let statement = Statement::new(&plan, values, identity, starts, Some(to));
                let write = moved(&plan, &statement);
                statement.write(&write)
            };
            Ok(vec![Step::required([Box::new(reschedule) as Text<'_>])])
        };
        match write::<E, C>(db, &subject, steps).await {
            Err(Error::NotFound(NotFoundError::Version { .. })) => {
                Err(self.why_not_moved(db).await?)
            }
            // The version that was moved starts last.
            written => last::<E>(written?, &subject),
        }
    }

    async fn why_not_moved<C: ConnectionTrait>(&self, db: &C) -> Result<Error, Error> {
        let now = recorded_at::time::<E>(None);
        let starts = recorded_at::time::<E>(Some(self.starts.clone()));
        let new = recorded_at::time::<E>(Some(self.to.clone()));
        let planned = recorded_at::starts_at::<E, C>(db, &self.identity, starts.clone()).await?;
        if planned
            && recorded_at::later(db, starts, now.clone()).await?
            && recorded_at::later(db, new, now).await?
        {
            return Ok(Error::Refused(RefusedError::EmptyPeriod {
                table: table_name::<E>(),
                from: time_text(&self.to.clone().into()),
                to: "the start or the end of a neighbour".to_owned(),
            }));
        }
        Ok(not_scheduled::<E>(&self.identity, &self.starts))
    }
}

/// A query of the version that is scheduled to start with the period, and of the one that ends there.
fn scheduled<E: History>(
    plan: &HistoryPlan,
    statement: &Statement<'_, E>,
    condition: &str,
) -> String {
    let (from, to) = (statement.from(), statement.to());
    let time = plan.time_type();
    format!(
        "FROM period AS p, clock AS c, {} AND (h.{from} = p.\"from\" OR h.{from} = {} AND h.{to} = p.\"from\") \
         AND p.\"from\" > CAST(c.now AS {time}) AND {condition} \
         AND EXISTS (SELECT FROM {} AND h.{from} = p.\"from\")",
        statement.versions(),
        statement.start_before(),
        statement.versions(),
    )
}

/// Deletes the version, and extends the one before it until its end.
fn cancelled<E: History>(plan: &HistoryPlan, statement: &Statement<'_, E>) -> Write {
    let (from, to) = (statement.from(), statement.to());
    let pieces = vec![format!(
        "SELECT s.{from}, (SELECT v.{to} FROM source AS v WHERE v.{from} = p.\"from\"), false, true, true \
         WHERE s.{to} = p.\"from\""
    )];
    Write::growing(scheduled(plan, statement, "true"), pieces, Answer::Removed)
}

/// Moves the boundary between the two from the start of the period to its end.
fn moved<E: History>(plan: &HistoryPlan, statement: &Statement<'_, E>) -> Write {
    let (from, to) = (statement.from(), statement.to());
    let time = plan.time_type();
    let possible = format!(
        "p.\"to\" > CAST(c.now AS {time}) AND NOT EXISTS (SELECT FROM {} \
         AND (h.{from} = p.\"from\" AND h.{to} <= p.\"to\" OR h.{to} = p.\"from\" AND h.{from} >= p.\"to\"))",
        statement.versions(),
    );
    let pieces = vec![
        format!(
            "SELECT p.\"to\", s.{to}, false, true, p.\"to\" < p.\"from\" WHERE s.{from} = p.\"from\""
        ),
        format!(
            "SELECT s.{from}, p.\"to\", false, true, p.\"to\" > p.\"from\" WHERE s.{to} = p.\"from\""
        ),
    ];
    Write::growing(
        scheduled(plan, statement, &possible),
        pieces,
        Answer::Written,
    )
}

fn not_scheduled<E: History>(identity: &[Value], starts: &E::Time) -> Error {
    Error::NotFound(NotFoundError::ScheduledVersion {
        table: table_name::<E>(),
        identity: identity_json::<E>(identity),
        at: time_text(&starts.clone().into()),
    })
}
