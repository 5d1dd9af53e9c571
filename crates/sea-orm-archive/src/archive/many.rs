//! Archives every row that a filter finds.

use sea_orm::sea_query::{IntoCondition, PostgresQueryBuilder};
use serde_json::Value as Json;

use super::execute::preview;
use super::hooked::execute;
use super::rehearse::rehearse;
use super::request::Request;
use crate::archival::Model as Archival;
use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Attempts, Executor, Sql, ask, value_text};
use crate::report::{ArchivePreview, Rehearsal};

/// Archives every row that a filter finds, each with everything below it and as an archival of its own. Created by
/// [`ArchiveEntity::archive_many`].
///
/// [`ArchiveEntity::archive_many`]: crate::ArchiveEntity::archive_many
#[derive(Clone, Debug)]
#[must_use = "nothing is archived before `.exec(&db)`"]
pub struct ArchiveMany<E: Archivable> {
    request: Request<E>,
}

impl<E: Archivable> ArchiveMany<E> {
    pub(crate) fn new() -> Self {
        Self {
            request: Request::many(),
        }
    }

    /// Which rows, as in `delete_many().filter(..)`. Several filters must all be true; without a filter every
    /// row of the table is archived.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.request.roots.cond_where(filter.into_condition());
        self
    }

    /// Who archives them: `deleted_by` in the archive tables, `archived_by` in the archival table.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.request.by = value_text(&actor.into().into());
        self
    }

    /// Why, for the archival table.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.request.reason = Some(reason.into());
        self
    }

    /// Anything else for the archival table.
    pub fn metadata(mut self, metadata: Json) -> Self {
        self.request.metadata = Some(metadata);
        self
    }

    /// Moves all of them in one statement, and returns the archival record of each.
    ///
    /// A root that lies below another one (in a table that refers to itself) is part of the archival of that
    /// one. Where no row matches, the result is empty, which is no error.
    ///
    /// # Errors
    ///
    /// As [`ArchiveOne::exec`](crate::ArchiveOne::exec); all rows move, or none.
    pub async fn exec<C>(self, db: &C) -> Result<Vec<Archival>, Error>
    where
        C: Executor,
    {
        execute::<E, C>(db, &self.request, |planned| &planned.many).await
    }

    /// Archives at most `rows` roots in a transaction, in the order of their keys, until the filter finds none.
    pub fn in_batches(mut self, rows: u64) -> ArchiveBatches<E> {
        self.request
            .roots
            .limit(rows.clamp(1, i64::MAX.unsigned_abs()));
        ArchiveBatches { many: self }
    }

    /// Whether the filter finds no row.
    async fn is_empty<C>(&self, db: &C) -> Result<bool, Error>
    where
        C: Executor,
    {
        let (roots, values) = self.request.roots.build(PostgresQueryBuilder);
        let found = Sql {
            text: format!("SELECT pg_catalog.to_jsonb(EXISTS ({roots})) AS result"),
            values: values.0,
        };
        Ok(ask(db, &found).await? != Some(Json::Bool(true)))
    }

    /// What [`exec`](Self::exec) would move, what blocks it, and what it would detach. A preview moves nothing.
    ///
    /// Where triggers of the application fire, or a constraint may refuse the move, it tries the archive and its restore
    /// and rolls both back, so it locks the rows until its end and needs the rights of [`exec`](Self::exec). Otherwise it
    /// only reads.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), except that blockers are in the result.
    pub async fn preview<C>(self, db: &C) -> Result<ArchivePreview, Error>
    where
        C: Executor,
    {
        Ok(preview::<E, C>(db, &self.request, |planned| &planned.many)
            .await?
            .unwrap_or_default())
    }

    /// Archives and restores the rows and everything below them in a transaction that is rolled back, and returns how the restored rows would
    /// differ from those before: what the triggers of the application do to them, and to other tables.
    ///
    /// ```no_run
    /// # mod post {
    /// #     use sea_orm::entity::prelude::*;
    /// #     use sea_orm_archive::DeriveArchive;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    /// #     #[sea_orm(table_name = "posts")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// let rehearsal = post::Entity::archive_many().rehearse(&db).await?;
    /// assert!(rehearsal.is_exact(), "{rehearsal:?}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It runs the statements of [`exec`](Self::exec) and of the restore, so it locks the same rows until the end. Other
    /// tables are counted by PostgreSQL's statistics of the transaction (`track_counts`).
    ///
    /// # Errors
    ///
    /// Those of the plan, as [`exec`](Self::exec). An archive or a restore that is refused is in the result.
    pub async fn rehearse<C>(self, db: &C) -> Result<Rehearsal, Error>
    where
        C: Executor,
    {
        rehearse::<E, C>(db, &self.request, |planned| &planned.many).await
    }
}

/// Archives in batches. Created by [`ArchiveMany::in_batches`].
#[derive(Clone, Debug)]
#[must_use = "nothing is archived before `.next(&db)`"]
pub struct ArchiveBatches<E: Archivable> {
    many: ArchiveMany<E>,
}

impl<E: Archivable> ArchiveBatches<E> {
    /// Archives the next batch, and returns its archival records; `None` when the filter finds no more rows.
    ///
    /// On a pool each batch is a transaction of its own: it holds its locks until then, and what it archived stays archived, whatever
    /// happens to the next one. After an error, or in another process, call it again: it goes on with the rows that are still active. In
    /// a transaction of the caller the batches are savepoints.
    ///
    /// In a table that refers to itself a row may be archived in an earlier batch than the row above it, and then has an archival of
    /// its own; it is restored after that of the row above.
    ///
    /// ```no_run
    /// # mod post {
    /// #     use sea_orm::entity::prelude::*;
    /// #     use sea_orm_archive::DeriveArchive;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    /// #     #[sea_orm(table_name = "posts")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// let mut batches = post::Entity::archive_many().in_batches(10_000);
    /// let mut archived = 0;
    /// while let Some(batch) = batches.next(&db).await? {
    ///     archived += batch.len();
    ///     println!("{archived} archived");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ArchiveMany::exec`], for the rows of this batch.
    pub async fn next<C>(&mut self, db: &C) -> Result<Option<Vec<Archival>>, Error>
    where
        C: Executor,
    {
        // Race: others archive all rows of a batch while it waits for their locks. A new snapshot shows the rows after them.
        let mut attempts = Attempts::of(db);
        loop {
            let archived = self.many.clone().exec(db).await?;
            if !archived.is_empty() {
                return Ok(Some(archived));
            }
            if self.many.is_empty(db).await? {
                return Ok(None);
            }
            attempts.after_others().await?;
        }
    }
}
