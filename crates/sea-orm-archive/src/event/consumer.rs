//! Consumers: programs that follow the events, and whose cursors are stored in the database.

use ::sea_orm::entity::prelude::*;
use ::sea_orm::{DbBackend, Statement};

use super::Cursor;
use super::after::rows;
use crate::decode::{self, sea_orm};
use crate::error::{Error, unexpected_answer};
use crate::exec::{Executor, Sql, ask, check_backend};

/// How far a consumer has read: a row of `archive.event_consumer`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "event_consumer")]
pub struct Model {
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub name: String,
    /// The tenant whose events it reads; empty for the events of all.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub tenant: String,
    /// The position of the last event that it has acknowledged.
    pub position: i64,
    /// When it has last acknowledged an event.
    pub acknowledged_at: Option<DateTimeUtc>,
}

/// A consumer has no relations of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

/// A consumer of events. Created by [`event::Entity::consumer`](super::Entity::consumer).
///
/// It exists in the database after its first call. From then on no event that it has not acknowledged expires. Under tenancy the same
/// name is another consumer for each tenant, and for an administrator, who reads the events of all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    name: String,
}

impl Consumer {
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    /// The next events after the last one that was acknowledged, at most so many, in the order of their commits.
    ///
    /// In a transaction it locks the consumer until the end of the transaction: another worker of the same consumer waits, and reads on after
    /// what this one has acknowledged. Where the transaction ends without an acknowledgement, the same events are read again. On a pool
    /// two workers may read the same events.
    ///
    /// One statement, `SELECT .. FROM archive.next_events(..)`.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::DeletedEvents`] where events were disabled since, [`RetryError::Contention`] above READ COMMITTED where another
    /// worker was faster, [`SetupError::EventsDisabled`], and an error of the database for a role without `grant_events`.
    ///
    /// [`NotFoundError::DeletedEvents`]: crate::error::NotFoundError::DeletedEvents
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    /// [`SetupError::EventsDisabled`]: crate::error::SetupError::EventsDisabled
    pub async fn next<C>(&self, events: u64, db: &C) -> Result<Vec<super::Model>, Error>
    where
        C: Executor,
    {
        let most = i64::try_from(events).unwrap_or(i64::MAX);
        let next = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT e.* FROM archive.next_events($1, $2) AS e",
            [self.name.clone().into(), most.into()],
        );
        rows(db, next).await
    }

    /// Records that everything up to the cursor is done. A cursor before the last one changes nothing.
    ///
    /// In the transaction of the changes that the events caused, each event has its effect exactly once. In a later one, an event whose
    /// acknowledgement is lost is read again.
    ///
    /// One statement, `SELECT archive.acknowledge_events(..)`.
    ///
    /// # Errors
    ///
    /// As [`EventsAfter::all`](super::EventsAfter::all).
    pub async fn acknowledge<C>(&self, cursor: Cursor, db: &C) -> Result<(), Error>
    where
        C: Executor,
    {
        let call = "archive.acknowledge_events($1, $2)";
        let values = vec![self.name.clone().into(), i64::from(cursor).into()];
        call_of(db, call, values).await?;
        Ok(())
    }

    /// Removes the consumer: events no longer stay for it. Returns whether there was one.
    ///
    /// One statement, `SELECT archive.remove_consumer(..)`.
    ///
    /// # Errors
    ///
    /// An error of the database for a role without `grant_events`.
    pub async fn remove<C>(&self, db: &C) -> Result<bool, Error>
    where
        C: Executor,
    {
        let call = "archive.remove_consumer($1)";
        let removed = call_of(db, call, vec![self.name.clone().into()]).await?;
        removed
            .as_bool()
            .ok_or_else(|| unexpected_answer(format!("no boolean: {removed}")))
    }
}

async fn call_of<C>(db: &C, call: &str, values: Vec<Value>) -> Result<Json, Error>
where
    C: Executor,
{
    check_backend(db)?;
    let text = format!("SELECT pg_catalog.to_jsonb({call}) AS result");
    Ok(ask(db, &Sql { text, values }).await?.unwrap_or_default())
}
