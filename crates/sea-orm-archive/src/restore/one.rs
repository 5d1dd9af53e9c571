//! Restores one row by its key.

use std::marker::PhantomData;

use sea_orm::Value;
use tracing::Instrument;

use super::next::{Next, must_resolve_first, next, record, span};
use super::resolve;
use super::target::{Target, restored};
use super::wanted::Wanted;
use crate::entity::Archivable;
use crate::error::{Error, NotFoundError};
use crate::exec::{ATTEMPTS, Executor, ask, back_off, check_backend, value_text};
use crate::optimistic_lock::{AtLockVersion, OptimisticLock};
use crate::planned::{Planned, planned, replanned};
use crate::report::{RestorePreview, Restored};
use crate::row::{locate, moving_row};

/// Restores one row with everything that was archived with it. Created by
/// [`ArchiveEntity::restore_by_id`](crate::ArchiveEntity::restore_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreOne<E: Archivable> {
    key: Vec<Value>,
    lock_version: Option<AtLockVersion>,
    by: Option<String>,
    entity: PhantomData<E>,
}

impl<E: Archivable> RestoreOne<E> {
    pub(crate) fn new(key: Vec<Value>) -> Self {
        Self {
            key,
            lock_version: None,
            by: None,
            entity: PhantomData,
        }
    }

    /// Who restores it: `restored_by` in the archival table.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.by = value_text(&actor.into().into());
        self
    }

    /// Restores the row only if the archived row has the lock version that was read.
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
    /// The statement that checks the lock version locks the archived row, which requires the privilege UPDATE on the
    /// archive table. Another lock version is a [`ConflictError::LockVersion`].
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    pub fn at_lock_version(mut self, version: E::LockVersion) -> Self
    where
        E: OptimisticLock,
    {
        self.lock_version = Some(AtLockVersion::of::<E>(version));
        self
    }

    /// Moves back everything that was archived with this row, and sets the detached links again.
    ///
    /// One statement, one round trip, one transaction; in a transaction of the caller a savepoint. Where a
    /// constraint is violated, further statements collect all conflicts.
    ///
    /// # Errors
    ///
    /// [`ConflictError::Restore`] with every conflict, [`ConflictError::ParentArchived`] where the row was
    /// archived with a parent or its parent is archived too, [`ConflictError::NotArchived`], [`NotFoundError::Row`],
    /// [`DriftError::Schema`], [`RetryError::Contention`], with [`at_lock_version`](Self::at_lock_version) also
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
        Target::root::<E>(key_columns, &self.key, self.lock_version.as_ref(), by)
    }

    async fn restore<C>(&self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        let mut plan = planned::<E>(db).await?;
        for attempt in 1.. {
            let target = self.target(&plan, self.by.clone());
            let lock_root = target.lock_root();
            let outcome = if must_resolve_first(db, &plan.restore) {
                Next::Resolve
            } else {
                next(
                    db,
                    &plan.restore,
                    ask(db, &target.call(&plan.restore)).await,
                    attempt,
                )
            };
            match outcome {
                Next::Done(answer) => return restored(answer),
                Next::Nothing => match self.why_not(db).await? {
                    Some(error) => return Err(error),
                    // Race: the row was active at the attempt, and has been archived since.
                    None if attempt < ATTEMPTS => back_off(attempt).await,
                    None => break,
                },
                Next::Again => back_off(attempt).await,
                Next::Resolve | Next::OtherPlan => {
                    match target.id(db).await? {
                        Some(id) => {
                            let wanted = Wanted::one(id, self.by.clone());
                            let moved = resolve::restore(db, &wanted, lock_root.as_ref()).await;
                            match moved.and_then(|moved| moved.one(id)) {
                                // Race: another transaction has restored it meanwhile.
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
        Err(moving_row::<E>(&self.key))
    }

    /// What [`exec`](Self::exec) would restore, which rows would stay archived, and every conflict. A preview moves
    /// nothing: it tries the restore and rolls it back.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), except that conflicts are in the result.
    pub async fn preview<C>(self, db: &C) -> Result<RestorePreview, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        // Reports the same errors of the plan as a restore.
        let plan = planned::<E>(db).await?;
        let target = self.target(&plan, None);
        match target.id(db).await? {
            Some(id) => Ok(resolve::preview(db, &Wanted::one(id, None)).await?.one()),
            None => {
                let error = self.why_not(db).await?;
                Err(error.unwrap_or_else(|| moving_row::<E>(&self.key)))
            }
        }
    }

    /// Why this row is not the root of an archival; `None` where it is one now.
    async fn why_not<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        let found = locate::<E, C>(db, &self.key).await?;
        match (found.why_not_restored::<E>(&self.key), &self.lock_version) {
            (None, Some(lock_version)) => {
                lock_version
                    .conflict::<E, E::Deleted, C>(db, &self.key)
                    .await
            }
            (error, _) => Ok(error),
        }
    }
}
