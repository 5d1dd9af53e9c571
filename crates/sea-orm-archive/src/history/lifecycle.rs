//! The first and the last version of an identity, and one identity that goes on in another.

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

/// Starts a version where there is none. Made by
/// [`HistoryEntity::start`](super::HistoryEntity::start).
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `.exec(&db)`"]
pub struct Start<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    from: Option<E::Time>,
    until: Option<E::Time>,
}

/// Ends an identity. Made by [`HistoryEntity::end`](super::HistoryEntity::end).
#[derive(Clone, Debug)]
#[must_use = "nothing is ended before `.exec(&db)`"]
pub struct End<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
    at: Option<E::Time>,
}

/// Lets an identity go on in another one. Made by
/// [`HistoryEntity::merge`](super::HistoryEntity::merge).
#[derive(Clone, Debug)]
#[must_use = "choose the identity that goes on with `.into(..)`"]
pub struct Merge<E: History> {
    identity: Vec<Value>,
    entity: std::marker::PhantomData<E>,
}

/// Lets an identity go on in this one. Made by [`Merge::into`].
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

    /// Since when it is true; without it, from now on. In the future: a scheduled version.
    pub fn valid_from(mut self, time: E::Time) -> Self {
        self.from = Some(time);
        self
    }

    /// Until when it is true, that time not included; without it, for ever.
    pub fn valid_to(mut self, time: E::Time) -> Self {
        self.until = Some(time);
        self
    }

    /// Inserts the version, and returns it. The identity is locked before.
    ///
    /// # Errors
    ///
    /// [`ConflictError::Overlap`] with the period of the version that is there, [`RefusedError::EmptyPeriod`],
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
            // From now until a time that has passed.
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

    /// When it ends; without it, now. In the future: a scheduled end.
    pub fn at(mut self, time: E::Time) -> Self {
        self.at = Some(time);
        self
    }

    /// Ends the last version at that time. The identity stays, and so does all that was true.
    ///
    /// Returns the last version.
    ///
    /// # Errors
    ///
    /// [`ConflictError::LaterVersion`] where one is scheduled to start later, [`NotFoundError::Version`] where
    /// nothing is true then, [`RefusedError::EmptyPeriod`] where the version starts at that very time,
    /// [`ConflictError::DependentRows`] where rows need it to be true later, [`NotFoundError::Identity`],
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

/// Looks for what kept an identity from ending.
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
    let shown = at
        .as_ref()
        .map_or("now".to_owned(), |at| time_text(&at.clone().into()));
    let time = recorded_at::time::<E>(at);
    if let Some(later) = recorded_at::first_after::<E, C>(db, identity, time.clone()).await? {
        return Ok(Error::Conflict(ConflictError::LaterVersion {
            table: table_name::<E>(),
            identity: identity_json::<E>(identity),
            at: shown,
            starts: time_text(&later),
        }));
    }
    if recorded_at::starts_at::<E, C>(db, identity, time).await? {
        return Ok(Error::Refused(RefusedError::EmptyPeriod {
            table: table_name::<E>(),
            from: shown.clone(),
            to: shown,
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

    /// The identity that goes on. Its values stay, but for those that are given.
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
    /// Since when they are one; without it, from now on.
    pub fn at(mut self, time: E::Time) -> Self {
        self.at = Some(time);
        self
    }

    /// Ends the one identity, and changes the other where values are given, in one transaction.
    ///
    /// Returns the version of the one that goes on. Rows that refer to the ended identity before
    /// that time are not touched, and still find what it was called then.
    ///
    /// # Errors
    ///
    /// As [`End::exec`] and [`Change::exec`](super::Change::exec): nothing has changed then.
    pub async fn exec<C>(self, db: &C) -> Result<E::Model, Error>
    where
        C: Executor,
    {
        let from = instant(self.at.clone());
        // One time for both: nothing is valid, or two are, between two looks at the clock.
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
        // With transaction time whoever merges also recorded the end.
        let mut who = Values::<E>::default();
        who.by.clone_from(&self.values.by);
        let steps = |plan: &Arc<HistoryPlan>| {
            Ok(vec![
                end(plan, &who, &self.ended, &from),
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
