//! Starts and ends the versions of an identity, and merges one identity into another.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, Value};

use super::change::{change, check_period, last};
use super::entity::{History, Period, ValidTime};
use super::pieces::{Answer, Write};
use super::plan::HistoryPlan;
use super::recorded_at;
use super::statement::{Instant, Statement};
use super::values::{Values, takes_by, takes_values};
use super::write::{Step, Subject, Text, identity_json, time_text, write};
use crate::error::{ConflictError, Error, NotFoundError, RefusedError};
use crate::exec::Executor;
use crate::row::table_name;

/// Starts a version where there is none. Created by
/// [`HistoryEntity::start`](super::HistoryEntity::start).
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `.exec(&db)`"]
pub struct Start<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    from: Option<E::Time>,
    until: Option<E::Time>,
}

/// Ends an identity. Created by [`HistoryEntity::end`](super::HistoryEntity::end).
#[derive(Clone, Debug)]
#[must_use = "nothing is ended before `.exec(&db)`"]
pub struct End<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    at: Option<E::Time>,
}

/// Merges an identity into another one. Created by
/// [`HistoryEntity::merge`](super::HistoryEntity::merge).
#[derive(Clone, Debug)]
#[must_use = "choose the identity that continues with `.into_identity(..)`"]
pub struct Merge<E: History> {
    identity: Vec<Value>,
    entity: std::marker::PhantomData<E>,
}

/// Merges an identity into this one. Created by [`Merge::into_identity`].
#[derive(Clone, Debug)]
#[must_use = "nothing is merged before `.exec(&db)`"]
pub struct MergeInto<E: History> {
    ended: Vec<Value>,
    identity: Vec<Value>,
    values: Values<E>,
    at: Option<E::Time>,
}

takes_values!(Start, MergeInto);
takes_by!(End);

/// A time, or now.
fn instant<T: ValidTime>(time: Option<T>) -> Instant {
    time.map_or(Instant::Now, |time| Instant::At(time.into()))
}

impl<E: History> Start<E> {
    pub(super) fn new(identity: Vec<Value>) -> Self {
        Self {
            identity,
            values: Values::default(),
            from: None,
            until: None,
        }
    }

    /// When the version becomes valid; the default is now. With a time in the future the version is scheduled.
    pub fn valid_from(mut self, time: E::Time) -> Self {
        self.from = Some(time);
        self
    }

    /// When the version ends, that time not included; the default is no end.
    pub fn valid_to(mut self, time: E::Time) -> Self {
        self.until = Some(time);
        self
    }

    /// Locks the identity, inserts the version, and returns it.
    ///
    /// # Errors
    ///
    /// [`ConflictError::Overlap`] with the period of the existing version, [`RefusedError::EmptyPeriod`],
    /// [`NotFoundError::Identity`], [`RefusedError::ManagedColumn`], [`DriftError::Schema`],
    /// [`RetryError::Contention`].
    ///
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        if let Some(from) = self.from.clone() {
            let to = self.until.clone();
            check_period::<E>(&Period { from, to })?;
        }
        let from = instant(self.from.clone());
        let to = self.until.clone().map(Into::into);
        let subject = Subject {
            verb: "start",
            identity: &self.identity,
            other: None,
            from: &from,
            to: to.as_ref(),
        };
        let steps = |plan: &Arc<HistoryPlan>| {
            self.values.check(plan)?;
            let plan = Arc::clone(plan);
            let (values, identity) = (&self.values, self.identity.as_slice());
            let (from, to) = (subject.from, subject.to);
            let start = move || Statement::new(&plan, values, identity, from, to).start();
            Ok(vec![Step::required([Box::new(start) as Text<'_>])])
        };
        match write::<E, C>(db, &subject, steps).await {
            // The period from now until a time in the past is empty.
            Err(Error::NotFound(NotFoundError::Version { at, .. })) => {
                Err(Error::Refused(RefusedError::EmptyPeriod {
                    table: table_name::<E>(),
                    from: at,
                    to: to.as_ref().map(time_text).unwrap_or_default(),
                }))
            }
            written => last::<E>(written?, &subject),
        }
    }
}

impl<E: History> End<E> {
    pub(super) fn new(identity: Vec<Value>) -> Self {
        Self {
            identity,
            values: Values::default(),
            at: None,
        }
    }

    /// When the identity ends; the default is now. With a time in the future the end is scheduled.
    pub fn at(mut self, time: E::Time) -> Self {
        self.at = Some(time);
        self
    }

    /// Ends the last version at that time. The row of the identity and the earlier versions do not change.
    ///
    /// Returns the last version.
    ///
    /// # Errors
    ///
    /// [`ConflictError::LaterVersion`] where one is scheduled to start later, [`NotFoundError::Version`] where
    /// no version is valid then, [`RefusedError::EmptyPeriod`] where the version starts at exactly that time,
    /// [`ConflictError::DependentRows`] where rows need it to be valid later, [`NotFoundError::Identity`],
    /// [`DriftError::Schema`], [`RetryError::Contention`]: nothing has changed then.
    ///
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let from = instant(self.at.clone());
        let subject = Subject {
            verb: "end",
            identity: &self.identity,
            other: None,
            from: &from,
            to: None,
        };
        let steps = |plan: &Arc<HistoryPlan>| {
            self.values.check_by(plan)?;
            Ok(vec![end(plan, &self.values, &self.identity, &from)])
        };
        match write::<E, C>(db, &subject, steps).await {
            Err(error @ Error::NotFound(NotFoundError::Version { .. })) => {
                Err(why_not_ended::<E, C>(db, &self.identity, self.at, error).await?)
            }
            written => last::<E>(written?, &subject),
        }
    }
}

/// The step that ends an identity.
fn end<'a, E: History>(
    plan: &Arc<HistoryPlan>,
    values: &'a Values<E>,
    identity: &'a [Value],
    at: &'a Instant,
) -> Step<'a> {
    let plan = Arc::clone(plan);
    let end = move || {
        let statement = Statement::new(&plan, values, identity, at, None);
        let from = statement.from();
        let last = format!(
            "h.{from} < p.\"from\" AND NOT EXISTS (SELECT FROM {} AND h.{from} > p.\"from\")",
            statement.versions()
        );
        let source = statement.version_valid_at(&last);
        let pieces = vec![format!("SELECT s.{from}, p.\"from\", false, true, false")];
        statement.write(&Write::shrinking(source, pieces, Answer::Written))
    };
    Step {
        of: Some(identity),
        ..Step::required([Box::new(end) as Text<'a>])
    }
}

/// Finds out why an identity could not be ended.
async fn why_not_ended<E, C>(
    db: &C,
    identity: &[Value],
    at: Option<E::Time>,
    otherwise: Error,
) -> Result<Error, Error>
where
    E: History,
    C: ConnectionTrait,
{
    let time_shown = at
        .as_ref()
        .map_or("now".to_owned(), |at| time_text(&at.clone().into()));
    let time = recorded_at::time::<E>(at);
    if let Some(later) = recorded_at::first_after::<E, C>(db, identity, time.clone()).await? {
        return Ok(Error::Conflict(ConflictError::LaterVersion {
            table: table_name::<E>(),
            identity: identity_json::<E>(identity),
            at: time_shown,
            starts: time_text(&later),
        }));
    }
    if recorded_at::starts_at::<E, C>(db, identity, time).await? {
        return Ok(Error::Refused(RefusedError::EmptyPeriod {
            table: table_name::<E>(),
            from: time_shown.clone(),
            to: time_shown,
        }));
    }
    Ok(otherwise)
}

impl<E: History> Merge<E> {
    pub(super) fn new(identity: Vec<Value>) -> Self {
        Self {
            identity,
            entity: std::marker::PhantomData,
        }
    }

    /// The identity that continues. Its values do not change, except those that are given.
    pub fn into_identity(self, identity: impl Into<E::Identity>) -> MergeInto<E> {
        MergeInto {
            ended: self.identity,
            identity: super::identity_values::<E>(identity),
            values: Values::default(),
            at: None,
        }
    }
}

impl<E: History> MergeInto<E> {
    /// When the identities are merged; the default is now.
    pub fn at(mut self, time: E::Time) -> Self {
        self.at = Some(time);
        self
    }

    /// Ends the one identity, and changes the other where values are given, in one transaction.
    ///
    /// Returns the version of the identity that continues. Rows that refer to the ended identity before that
    /// time are not changed, and still find its versions.
    ///
    /// # Errors
    ///
    /// As [`End::exec`] and [`Change::exec`](super::Change::exec): nothing has changed then.
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let from = instant(self.at.clone());
        // One time for both: with two reads of the clock there would be a time between them when neither is
        // valid, or both.
        let then = match &from {
            Instant::Now => Instant::EndOf(self.ended.clone()),
            at => at.clone(),
        };
        let subject = Subject {
            verb: "merge",
            identity: &self.identity,
            other: Some(&self.ended),
            from: &then,
            to: None,
        };
        if self.ended == self.identity {
            return Err(Error::Refused(RefusedError::SameIdentity {
                table: table_name::<E>(),
                identity: identity_json::<E>(&self.identity),
            }));
        }
        // In a bitemporal history the version that ends is written again, with the actor of the merge.
        let mut end_values = Values::<E>::default();
        end_values.by.clone_from(&self.values.by);
        let steps = |plan: &Arc<HistoryPlan>| {
            Ok(vec![
                end(plan, &end_values, &self.ended, &from),
                change(plan, &self.values, &subject)?,
            ])
        };
        match write::<E, C>(db, &subject, steps).await {
            Err(Error::NotFound(NotFoundError::Version {
                table,
                identity,
                at,
            })) => {
                let ends = identity == identity_json::<E>(&self.ended);
                let error = Error::NotFound(NotFoundError::Version {
                    table,
                    identity,
                    at,
                });
                match ends {
                    true => Err(why_not_ended::<E, C>(db, &self.ended, self.at, error).await?),
                    false => Err(error),
                }
            }
            written => last::<E>(written?, &subject),
        }
    }
}
