//! Archives and restores a model, if its row still has the lock version of the model.

use std::future::Future;

use sea_orm::sea_query::ValueType;
use sea_orm::{EntityTrait, IdenStatic, Iterable, ModelTrait};

use super::OptimisticLock;
use crate::archival;
use crate::archive::ArchiveOne;
use crate::entity::{Archivable, Restorable};
use crate::error::{DriftError, Error};
use crate::exec::Executor;
use crate::report::Restored;
use crate::restore::RestoreOne;
use crate::row::{key_of, table_name};

/// The verb of the model of an archivable entity with a lock version: `note.archive_if_unchanged(&db)`.
pub trait ArchiveIfUnchanged: ModelTrait<Entity: Archivable + OptimisticLock> {
    /// Archives this row, and everything below it, unless it was changed since it was read. See
    /// [`ArchiveOne::at_lock_version`].
    ///
    /// # Errors
    ///
    /// [`ConflictError::LockVersion`], or as [`ArchiveOne::exec`]: nothing has moved then.
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    fn archive_if_unchanged<C>(
        self,
        db: &C,
    ) -> impl Future<Output = Result<archival::Model, Error>> + Send
    where
        C: Executor,
    {
        let version =
            lock_version_of::<_, Self::Entity>(&self, Self::Entity::lock_version_column());
        let archive = ArchiveOne::<Self::Entity>::new(key_of(&self));
        async move { archive.at_lock_version(version?).exec(db).await }
    }
}

impl<M: ModelTrait<Entity: Archivable + OptimisticLock>> ArchiveIfUnchanged for M {}

/// The verb of the model of a deleted entity with a lock version: `deleted_note.restore_if_unchanged(&db)`.
pub trait RestoreIfUnchanged: ModelTrait<Entity: Restorable<Active: OptimisticLock>> {
    /// Restores this row, and everything that was archived with it, unless the archived row has another lock
    /// version now. See [`RestoreOne::at_lock_version`].
    ///
    /// # Errors
    ///
    /// [`ConflictError::LockVersion`], or as [`RestoreOne::exec`]: nothing has moved then.
    ///
    /// [`ConflictError::LockVersion`]: crate::error::ConflictError::LockVersion
    fn restore_if_unchanged<C>(self, db: &C) -> impl Future<Output = Result<Restored, Error>> + Send
    where
        C: Executor,
    {
        let version = archived_lock_version(&self);
        let restore = RestoreOne::<Active<Self>>::new(key_of(&self));
        async move { restore.at_lock_version(version?).exec(db).await }
    }
}

impl<M: ModelTrait<Entity: Restorable<Active: OptimisticLock>>> RestoreIfUnchanged for M {}

type Active<M> = <<M as ModelTrait>::Entity as Restorable>::Active;
type Column<M> = <<M as ModelTrait>::Entity as EntityTrait>::Column;

/// The lock version of a model.
pub(super) fn lock_version_of<M, E>(model: &M, column: Column<M>) -> Result<E::LockVersion, Error>
where
    M: ModelTrait,
    E: OptimisticLock,
{
    <E::LockVersion as ValueType>::try_from(model.get(column))
        .map_err(|_| no_lock_version::<E>("has another type there"))
}

/// The lock version of a deleted model, in the column with the same name as in the active entity.
fn archived_lock_version<M>(model: &M) -> Result<<Active<M> as OptimisticLock>::LockVersion, Error>
where
    M: ModelTrait<Entity: Restorable<Active: OptimisticLock>>,
{
    let active = <Active<M>>::lock_version_column();
    let column = Column::<M>::iter()
        .find(|column| column.as_str() == active.as_str())
        .ok_or_else(|| no_lock_version::<Active<M>>("has no such column"))?;
    lock_version_of::<M, Active<M>>(model, column)
}

/// Only entities that were implemented without the derives have this error.
fn no_lock_version<E: OptimisticLock>(problem: &str) -> Error {
    Error::Drift(DriftError::Schema {
        table: table_name::<E>(),
        problems: vec![format!(
            "`{}` is the lock version, and the model {problem}",
            E::lock_version_column().as_str()
        )],
    })
}
