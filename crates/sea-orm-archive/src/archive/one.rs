//! Archiving one row by its key.

use sea_orm::{Iterable, PrimaryKeyToColumn, Value};
use serde_json::Value as Json;

use super::execute::{execute, preview};
use super::request::Request;
use crate::archival::Model as Archival;
use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{ATTEMPTS, Executor, back_off, value_text};
use crate::lock::{AtLockVersion, OptimisticLock};
use crate::report::ArchivePreview;
use crate::row::{is_value, keeps_moving, locate};

/// Archives one row with everything below it. Made by [`ArchiveEntity::archive_by_id`].
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

    /// Archives it only if the row still has the version that was read.
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
    /// The version is looked at by the statement that locks the row, so that a change which commits before the lock
    /// is had is noticed. Another version is an [`ConflictError::LockVersion`]. The rows below it may have any
    /// version.
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    pub fn at_lock_version(mut self, version: E::LockVersion) -> Self
    where
        E: OptimisticLock,
    {
        self.request.version = Some(AtLockVersion::of::<E>(version));
        self
    }

    /// Moves the row and everything below it into the archive tables, and returns the archival record.
    ///
    /// One statement, one round trip, one transaction; in a transaction of the caller's a savepoint.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Row`], [`ConflictError::AlreadyArchived`], [`ConflictError::Blocked`],
    /// [`DriftError::UndeclaredEdges`], [`DriftError::Schema`], [`RetryError::Contention`], with
    /// [`at_version`](Self::at_lock_version) also [`ConflictError::LockVersion`]: nothing has moved then.
    ///
    /// [`ConflictError::AlreadyArchived`]: crate::error::ConflictError::AlreadyArchived
    /// [`ConflictError::Blocked`]: crate::error::ConflictError::Blocked
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`DriftError::UndeclaredEdges`]: crate::error::DriftError::UndeclaredEdges
    /// [`NotFoundError::Row`]: crate::error::NotFoundError::Row
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<Archival, Error>
    where
        C: Executor,
    {
        for attempt in 1.. {
            let archived = execute::<E, C>(db, &self.request, |planned| &planned.one).await?;
            if let Some(archival) = archived.into_iter().next() {
                return Ok(archival);
            }
            match self.why_not(db).await? {
                Some(error) => return Err(error),
                // Race: it was archived when we came, and has been restored since.
                None if attempt < ATTEMPTS => back_off(attempt).await,
                None => break,
            }
        }
        Err(keeps_moving::<E>(&self.key))
    }

    /// What [`exec`](Self::exec) would move, what blocks it, and what it would detach. Moves nothing
    /// and locks nothing.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), but blockers are in the answer.
    pub async fn preview<C>(self, db: &C) -> Result<ArchivePreview, Error>
    where
        C: Executor,
    {
        match preview::<E, C>(db, &self.request).await? {
            Some(preview) => Ok(preview),
            None => {
                let error = self.why_not(db).await?;
                Err(error.unwrap_or_else(|| keeps_moving::<E>(&self.key)))
            }
        }
    }

    /// Why this row could not be archived; `None` where it can be, now.
    async fn why_not<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        let found = locate::<E, C>(db, &self.key).await?;
        match (
            found.why_not_archived::<E>(&self.key),
            &self.request.version,
        ) {
            (None, Some(version)) => version.conflict::<E, E, C>(db, &self.key).await,
            (error, _) => Ok(error),
        }
    }
}
