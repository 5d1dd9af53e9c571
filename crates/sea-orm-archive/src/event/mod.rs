//! Events: every archive, restore, purge and hold, for other systems.
//!
//! An event is written in the transaction of what it records, by the database, whichever verb, retention rule or SQL does it. It is read in
//! the order of the commits, without gaps: after an event has been read, no event before it appears. The migration helper
//! `enable_events` lets the database write them; a role with `grant_events` reads them.
//!
//! A program that stores its own [`Cursor`] reads with [`Entity::after`]. A [`Consumer`] has a name, and its cursor is in the database:
//!
//! ```no_run
//! use std::time::Duration;
//! use sea_orm::{DatabaseConnection, TransactionTrait};
//! use sea_orm_archive::{Error, event};
//!
//! # fn apply(event: &event::Model) {}
//! # async fn follow(db: DatabaseConnection) -> Result<(), Error> {
//! let search = event::Entity::consumer("search");
//! let mut listener = event::Listener::connect(&db).await?;
//! loop {
//!     let transaction = db.begin().await?;
//!     let events = search.next(100, &transaction).await?;
//!     for event in &events {
//!         apply(event);
//!     }
//!     if let Some(last) = events.last() {
//!         search.acknowledge(last.cursor(), &transaction).await?;
//!     }
//!     transaction.commit().await?;
//!     if events.is_empty() {
//!         listener.wait(Duration::from_secs(30)).await;
//!     }
//! }
//! # }
//! ```

mod after;
pub mod consumer;
mod cursor;
mod kind;
mod listen;

use std::collections::BTreeMap;

use ::sea_orm::entity::prelude::*;

pub use after::EventsAfter;
pub use consumer::Consumer;
pub use cursor::{Cursor, ParseCursorError};
pub use kind::Kind;
pub use listen::Listener;

use crate::decode::{self, sea_orm};
use crate::error::{Error, unexpected_answer};
use crate::exec::{Executor, Sql, ask, check_backend};

/// An event: a row of `archive.event`. It has no values of rows: they are in the tables and in the archive tables.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "event")]
pub struct Model {
    /// Its position in the order of the commits. Positions that are left out are those of transactions that were rolled back.
    #[sea_orm(primary_key)]
    pub position: i64,
    /// What happened.
    #[sea_orm(column_type = "Text")]
    pub kind: Kind,
    /// When it happened, which is before the commit.
    pub at: DateTimeUtc,
    /// Who did it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub actor: Option<String>,
    /// Why. Of a purge it is the policy; of a restore there is none.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// The archival; `None` for a hold on a row or a table. The rows of the archival have this `archival_id` in their archive tables until
    /// they are restored or purged.
    pub archival_id: Option<i64>,
    /// The archival that the rows of this one were taken or copied from.
    pub part_of: Option<i64>,
    /// The hold that was placed or released.
    pub hold_id: Option<i64>,
    /// The table of the root, as `schema.table`: its name at the time of the archive. Of a hold on a row or a table the table that is held.
    #[sea_orm(column_type = "Text", nullable)]
    pub root_table: Option<String>,
    /// The primary key of the root, as an object of column and value. Of a hold on a row its key as in [`hold::Model`](crate::hold::Model).
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub root_key: Option<Json>,
    /// The number of rows of each table that the archival was recorded with, as an object of `schema.table` and count; of a purge the
    /// number of rows that it deleted.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub row_counts: Option<Json>,
    /// The tenant of the rows.
    #[sea_orm(column_type = "Text", nullable)]
    pub tenant: Option<String>,
}

/// An event has no relations of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The cursor that continues after this event.
    pub fn cursor(&self) -> Cursor {
        Cursor::from(self.position)
    }

    /// The number of rows of each table, by `schema.table`.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        let counts = self.row_counts.as_ref().and_then(Json::as_object);
        let counts = counts.into_iter().flatten();
        counts
            .filter_map(|(table, rows)| Some((table.clone(), rows.as_u64()?)))
            .collect()
    }
}

impl Entity {
    /// The events after a cursor, in the order of their commits. [`Cursor::START`] stands for the oldest event that still exists.
    pub fn after(cursor: Cursor) -> EventsAfter {
        EventsAfter::new(cursor)
    }

    /// The consumer with this name, whose cursor is stored in the database.
    pub fn consumer(name: impl Into<String>) -> Consumer {
        Consumer::new(name.into())
    }

    /// The cursor after the latest event, of any tenant. A search index reads it first, and then the tables: with the events after the
    /// cursor it misses nothing. Some of them may be about what the index has read already.
    ///
    /// One statement, `SELECT archive.latest_event()`.
    ///
    /// # Errors
    ///
    /// [`SetupError::EventsDisabled`](crate::error::SetupError::EventsDisabled), and an error of the database for a role without
    /// `grant_events`.
    ///
    /// ```no_run
    /// # use sea_orm_archive::{Error, event};
    /// # async fn build(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// let latest = event::Entity::latest(&db).await?;
    /// event::Entity::consumer("search").acknowledge(latest, &db).await?;
    /// // Read the tables, build the index, and go on with `consumer("search").next(..)`.
    /// # Ok(())
    /// # }
    /// ```
    pub async fn latest<C>(db: &C) -> Result<Cursor, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let text = "SELECT pg_catalog.to_jsonb(archive.latest_event()) AS result".to_owned();
        let values = Vec::new();
        let position = ask(db, &Sql { text, values }).await?.unwrap_or_default();
        match position.as_i64() {
            Some(position) => Ok(Cursor::from(position)),
            None => Err(unexpected_answer(format!("no position: {position}"))),
        }
    }
}
