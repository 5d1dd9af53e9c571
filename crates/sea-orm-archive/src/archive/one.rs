//! Archives one row by its key.

use sea_orm::{Iterable, PrimaryKeyToColumn, Value};
use serde_json::Value as Json;

use super::execute::preview;
use super::hooked::execute;
use super::rehearse::rehearse;
use super::request::Request;
use crate::archival::Model as Archival;
use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Attempts, Executor, value_text};
use crate::optimistic_lock::{AtLockVersion, OptimisticLock};
use crate::report::{ArchivePreview, Rehearsal};
use crate::row::{is_value, locate, moving_row};

/// Archives one row with everything below it. Created by [`ArchiveEntity::archive_by_id`].
///
/// [`ArchiveEntity::archive_by_id`]: crate::ArchiveEntity::archive_by_id
#[derive(Clone, Debug)]
#[must_use = "nothing is archived before `.exec(&db)`"]
pub struct ArchiveOne<E: Archivable> {
    key: Vec<Value>,
    request: Request<E>,
}

impl<E: Archivable> ArchiveOne<E> {
    pub(crate) fn new(key: Vec<Value>) -> Self {
        let mut request = Request::<E>::new();
        for (column, value) in E::PrimaryKey::iter().zip(&key) {
            request
                .roots
                .and_where(is_value(column.into_column(), value));
        }
        Self { key, request }
    }

    /// Who archives it: `deleted_by` in the archive tables, `archived_by` in the archival table.
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

    /// Archives the row only if it still has the lock version that was read.
    ///
    /// ```no_run
    /// # mod note {
    /// #     use sea_orm::entity::prelude::*;
    /// #     use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
    /// #     #[sea_orm(table_name = "notes")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #         pub lock_version: i32,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// note::Entity::archive_by_id(42).at_lock_version(3).exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The statement that locks the row checks the lock version, so that a change that commits before the lock
    /// is acquired is detected. Another lock version is a [`ConflictError::LockVersion`]. The lock versions of
    /// the rows below are not checked.
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    pub fn at_lock_version(mut self, version: E::LockVersion) -> Self
    where
        E: OptimisticLock,
    {
        self.request.lock_version = Some(AtLockVersion::of::<E>(version));
        self
    }

    /// Moves the row and everything below it into the archive tables, and returns the archival record.
    ///
    /// One statement, one round trip, one transaction; in a transaction of the caller a savepoint.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Row`], [`ConflictError::AlreadyArchived`], [`ConflictError::Blocked`],
    /// [`ConflictError::NotRestorable`], [`ConflictError::Trigger`], [`DriftError::Trigger`],
    /// [`DriftError::UndeclaredEdges`], [`DriftError::Schema`], [`RetryError::Contention`], with
    /// [`at_lock_version`](Self::at_lock_version) also [`ConflictError::LockVersion`]: nothing has moved then.
    ///
    /// [`ConflictError::AlreadyArchived`]: crate::error::ConflictError::AlreadyArchived
    /// [`ConflictError::Blocked`]: crate::error::ConflictError::Blocked
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    /// [`ConflictError::NotRestorable`]: crate::error::ConflictError::NotRestorable
    /// [`ConflictError::Trigger`]: crate::error::ConflictError::Trigger
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`DriftError::Trigger`]: crate::error::DriftError::Trigger
    /// [`DriftError::UndeclaredEdges`]: crate::error::DriftError::UndeclaredEdges
    /// [`NotFoundError::Row`]: crate::error::NotFoundError::Row
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<Archival, Error>
    where
        C: Executor,
    {
        let mut attempts = Attempts::of(db);
        loop {
            let archived = execute::<E, C>(db, &self.request, |planned| &planned.one).await?;
            if let Some(archival) = archived.into_iter().next() {
                return Ok(archival);
            }
            match self.why_not(db).await? {
                Some(error) => return Err(error),
                // Race: the row was archived at the attempt, and has been restored since.
                None if attempts.remain() => attempts.wait().await,
                None => return Err(moving_row::<E>(&self.key)),
            }
        }
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
        match preview::<E, C>(db, &self.request, |planned| &planned.one).await? {
            Some(preview) => Ok(preview),
            None => {
                let error = self.why_not(db).await?;
                Err(error.unwrap_or_else(|| moving_row::<E>(&self.key)))
            }
        }
    }

    /// Archives and restores the row and everything below it in a transaction that is rolled back, and returns how the restored rows would
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
    /// let rehearsal = post::Entity::archive_by_id(42).rehearse(&db).await?;
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
    /// [`NotFoundError::Row`](crate::error::NotFoundError::Row), [`ConflictError::AlreadyArchived`](crate::error::ConflictError::AlreadyArchived), and errors of the plan as [`exec`](Self::exec). An archive or a restore that is refused is in the result.
    pub async fn rehearse<C>(self, db: &C) -> Result<Rehearsal, Error>
    where
        C: Executor,
    {
        let rehearsal = rehearse::<E, C>(db, &self.request, |planned| &planned.one).await?;
        if rehearsal.archivals == 0
            && rehearsal.refused.is_none()
            && let Some(error) = self.why_not(db).await?
        {
            return Err(error);
        }
        Ok(rehearsal)
    }

    /// Why this row could not be archived; `None` where it can be archived now.
    async fn why_not<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        let found = locate::<E, C>(db, &self.key).await?;
        match (
            found.why_not_archived::<E>(&self.key),
            &self.request.lock_version,
        ) {
            (None, Some(lock_version)) => lock_version.conflict::<E, E, C>(db, &self.key).await,
            (error, _) => Ok(error),
        }
    }
}
