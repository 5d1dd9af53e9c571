//! Restoring one row by its key.

use std::marker::PhantomData;

use sea_orm::Value;
use tracing::Instrument;

use super::next::{Next, must_look_first, next, record, span};
use super::resolve;
use super::target::{Target, restored};
use crate::entity::Archivable;
use crate::error::{Error, NotFoundError};
use crate::exec::{ATTEMPTS, Executor, ask, back_off, check_backend, value_text};
use crate::lock::{AtLockVersion, OptimisticLock};
use crate::planned::{Planned, planned, replanned};
use crate::report::{RestorePreview, Restored};
use crate::row::{keeps_moving, locate};

/// Restores one row with everything that was archived with it. Made by
/// [`ArchiveEntity::restore_by_id`](crate::ArchiveEntity::restore_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreOne<E: Archivable> {
    key: Vec<Value>,
    version: Option<AtLockVersion>,
    by: Option<String>,
    entity: PhantomData<E>,
}

impl<E: Archivable> RestoreOne<E> {
    pub(crate) fn new(key: Vec<Value>) -> Self {
        Self {
            key,
            version: None,
            by: None,
            entity: PhantomData,
        }
    }

    /// Who restores it: `restored_by` in the archival table.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.by = value_text(&actor.into().into());
        self
    }

    /// Restores it only if the version that is archived is the one that was read.
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
    /// note::Entity::restore_by_id(42).at_lock_version(3).exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The archived row is locked by the statement that looks at its version, which takes the privilege UPDATE on
    /// the archive table. Another version is an [`ConflictError::LockVersion`].
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    pub fn at_lock_version(mut self, version: E::LockVersion) -> Self
    where
        E: OptimisticLock,
    {
        self.version = Some(AtLockVersion::of::<E>(version));
        self
    }

    /// Moves back everything that was archived with this row, and puts the detached links back.
    ///
    /// One statement, one round trip, one transaction; in a transaction of the caller's a savepoint.
    /// Where something is in the way, a second look finds all of it.
    ///
    /// # Errors
    ///
    /// [`ConflictError::Restore`] with every conflict, [`ConflictError::ParentArchived`] where the row went with a
    /// parent or its parent is archived too, [`ConflictError::NotArchived`], [`NotFoundError::Row`],
    /// [`DriftError::Schema`], [`RetryError::Contention`], with [`at_version`](Self::at_lock_version) also
    /// [`ConflictError::LockVersion`]: nothing has moved then.
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    /// [`ConflictError::NotArchived`]: crate::error::ConflictError::NotArchived
    /// [`ConflictError::ParentArchived`]: crate::error::ConflictError::ParentArchived
    /// [`ConflictError::Restore`]: crate::error::ConflictError::Restore
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`NotFoundError::Row`]: crate::error::NotFoundError::Row
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let declaration = E::declaration();
        let span = span(&declaration.table);
        let restored = self.restore(db).instrument(span.clone()).await?;
        record(&span, &restored);
        Ok(restored)
    }

    fn target(&self, plan: &Planned, by: Option<String>) -> Target {
        let key_columns = &plan.plan.root().table.key;
        Target::root::<E>(key_columns, &self.key, self.version.as_ref(), by)
    }

    async fn restore<C>(&self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        let mut plan = planned::<E>(db).await?;
        for attempt in 1.. {
            let target = self.target(&plan, self.by.clone());
            let lock_root = target.lock_root();
            let outcome = if must_look_first(db, &plan.restore) {
                Next::Carefully
            } else {
                next(db, ask(db, &target.call(&plan.restore)).await, attempt)
            };
            match outcome {
                Next::Done(answer) => return restored(answer),
                Next::Nothing => match self.why_not(db).await? {
                    Some(error) => return Err(error),
                    // Race: it was active when we came, and has been archived since.
                    None if attempt < ATTEMPTS => back_off(attempt).await,
                    None => break,
                },
                Next::Again => back_off(attempt).await,
                Next::Carefully | Next::OtherPlan => {
                    match target.id(db).await? {
                        Some(id) => {
                            match resolve::restore(db, id, self.by.clone(), lock_root.as_ref())
                                .await
                            {
                                // Race: somebody else has restored it meanwhile.
                                Err(Error::NotFound(NotFoundError::Archival { .. }))
                                    if attempt < ATTEMPTS => {}
                                outcome => return outcome,
                            }
                        }
                        None => match self.why_not(db).await? {
                            Some(error) => return Err(error),
                            None if attempt < ATTEMPTS => back_off(attempt).await,
                            None => break,
                        },
                    }
                }
                Next::Failed(error) => match replanned::<E>(db, &plan, &error).await? {
                    Some(new) if attempt < ATTEMPTS => plan = new,
                    _ => return Err(error),
                },
            }
        }
        Err(keeps_moving::<E>(&self.key))
    }

    /// What [`exec`](Self::exec) would bring back, what would have to wait, and every conflict.
    /// Moves nothing: what it tries, it rolls back.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), but conflicts are in the answer.
    pub async fn preview<C>(self, db: &C) -> Result<RestorePreview, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        // Names and plan are checked as a restore would check them.
        let plan = planned::<E>(db).await?;
        let target = self.target(&plan, None);
        match target.id(db).await? {
            Some(id) => resolve::preview(db, id).await,
            None => {
                let error = self.why_not(db).await?;
                Err(error.unwrap_or_else(|| keeps_moving::<E>(&self.key)))
            }
        }
    }

    /// Why this row is not the root of an archival; `None` where it is one, now.
    async fn why_not<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        let found = locate::<E, C>(db, &self.key).await?;
        match (found.why_not_restored::<E>(&self.key), &self.version) {
            (None, Some(version)) => version.conflict::<E, E::Deleted, C>(db, &self.key).await,
            (error, _) => Ok(error),
        }
    }
}
