//! Reads the events after a cursor.

use sea_orm::sea_query::{Expr, IntoCondition};
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, Statement,
};

use super::{Column, Cursor, Entity, Model};
use crate::error::Error;
use crate::exec::{Executor, begin, check_backend, finish};

/// The events after a cursor. Created by [`event::Entity::after`](super::Entity::after).
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `.all(&db)`"]
pub struct EventsAfter {
    select: Select<Entity>,
}

impl EventsAfter {
    pub(super) fn new(cursor: Cursor) -> Self {
        let position = i64::from(cursor);
        // The function depends on no row, so it is called even where there is no event.
        let exist = Expr::cust_with_values("archive.require_events($1)", [position]);
        Self {
            select: Entity::find()
                .filter(Column::Position.gt(position))
                .filter(exist)
                .order_by_asc(Column::Position),
        }
    }

    /// Only the events that fit, for example of one kind or one table.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.select = self.select.filter(filter.into_condition());
        self
    }

    /// At most so many events, the first ones.
    pub fn limit(mut self, events: u64) -> Self {
        self.select = self.select.limit(events.min(i64::MAX.unsigned_abs()));
        self
    }

    /// Reads the events, in the order of their commits: an event that is returned by a later call, with the cursor of the last of these, was
    /// committed later.
    ///
    /// One statement, `SELECT .. FROM archive.event WHERE position > .. AND archive.require_events(..) ORDER BY position`. It also runs on a
    /// standby.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::DeletedEvents`] where events after the cursor were deleted, [`RefusedError::UnknownCursor`] for a cursor of another
    /// database, [`SetupError::EventsDisabled`], and an error of the database for a role without `grant_events`.
    ///
    /// [`NotFoundError::DeletedEvents`]: crate::error::NotFoundError::DeletedEvents
    /// [`RefusedError::UnknownCursor`]: crate::error::RefusedError::UnknownCursor
    /// [`SetupError::EventsDisabled`]: crate::error::SetupError::EventsDisabled
    ///
    /// ```no_run
    /// # use sea_orm_archive::{Error, event};
    /// # async fn read(db: sea_orm::DatabaseConnection, stored: &str) -> Result<(), Error> {
    /// let mut cursor: event::Cursor = stored.parse().unwrap_or_default();
    /// for event in event::Entity::after(cursor).limit(100).all(&db).await? {
    ///     println!("{:?} {:?} {:?}", event.kind, event.root_table, event.root_key);
    ///     cursor = event.cursor();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn all<C>(self, db: &C) -> Result<Vec<Model>, Error>
    where
        C: Executor,
    {
        rows(db, self.select.build(DbBackend::Postgres)).await
    }
}

/// Runs a query of rows. In a transaction of the caller it is a savepoint, so that an error leaves the transaction usable.
pub(super) async fn rows<C>(db: &C, statement: Statement) -> Result<Vec<Model>, Error>
where
    C: Executor,
{
    check_backend(db)?;
    if db.is_pool() {
        return Ok(Model::find_by_statement(statement)
            .all(&db.executor())
            .await?);
    }
    let nested = begin(db).await?;
    let found = Model::find_by_statement(statement).all(&nested).await;
    finish(nested, found.map_err(Error::from)).await
}
