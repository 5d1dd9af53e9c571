//! Reverts a row to its values at a time.

use std::future::Future;

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, EntityTrait, IdenStatic, IntoActiveModel, Iterable,
    ModelTrait, PrimaryKeyToColumn,
};

use super::as_of::FindAsOf;
use crate::error::NotFoundError;
use crate::exec::Executor;
use crate::row::{key_json, key_of, table_name};
use crate::{Error, OptimisticLock, UpdateError, UpdateIfUnchanged};

type ActiveModel<M> = <<M as ModelTrait>::Entity as EntityTrait>::ActiveModel;

/// The verb of the model of an audited entity with a lock version: `customer.revert_to(time, &db)`.
///
/// The entity derives `DeriveOptimisticLock`, so that a revert does not overwrite a change that the caller has
/// not read.
pub trait RevertModel: ModelTrait<Entity: OptimisticLock> + Clone {
    /// Sets the values that the row had at a time, and returns the row.
    ///
    /// The revert is an update, checked against the lock version of this model: [`find_as_of`], then
    /// [`update_if_unchanged`] of the columns that are different. It increments the lock version, the log
    /// records it, and stamps contain who reverted. Excluded and redacted columns, whose values at that time the log does
    /// not contain, are not changed, and neither are generated columns. A row that was archived at that time is not
    /// archived by this.
    ///
    /// # Errors
    ///
    /// Those of [`update_if_unchanged`]: [`UpdateError::Conflict`] where the row was changed since it was read,
    /// [`UpdateError::NotFound`]; and those of [`find_as_of`]; [`NotFoundError::PastRow`] where there was no such row
    /// at that time; [`NotFoundError::PastValues`] where a column has changed since whose type no longer accepts its old
    /// value. Nothing is written then.
    ///
    /// [`find_as_of`]: super::AuditEntity::find_as_of
    /// [`update_if_unchanged`]: UpdateIfUnchanged::update_if_unchanged
    fn revert_to<C>(
        self,
        at: DateTimeUtc,
        db: &C,
    ) -> impl Future<Output = Result<Self, UpdateError<Self>>> + Send
    where
        Self: IntoActiveModel<ActiveModel<Self>>
            + ModelTrait<Entity: EntityTrait<Model = Self>>
            + Send
            + Sync
            + 'static,
        ActiveModel<Self>: ActiveModelTrait<Entity = Self::Entity> + Send,
        C: Executor,
    {
        async move {
            let change = reverted(self, at, db).await?;
            change.update_if_unchanged(db).await
        }
    }
}

impl<M: ModelTrait<Entity: OptimisticLock> + Clone> RevertModel for M {}

/// The model with those columns set that were different at that time.
async fn reverted<M, C>(model: M, at: DateTimeUtc, db: &C) -> Result<ActiveModel<M>, Error>
where
    M: ModelTrait<Entity: OptimisticLock + EntityTrait<Model = M>>
        + IntoActiveModel<ActiveModel<M>>
        + Clone,
    ActiveModel<M>: ActiveModelTrait<Entity = M::Entity>,
    C: ConnectionTrait,
{
    let key = key_of(&model);
    let was = FindAsOf::<M::Entity>::new(key.clone(), at).one(db).await?;
    let was = was.ok_or_else(|| NotFoundError::PastRow {
        table: table_name::<M::Entity>(),
        key: key_json::<M::Entity>(&key),
        at,
    })?;
    if !was.unreadable.is_empty() {
        return Err(NotFoundError::PastValues {
            table: table_name::<M::Entity>(),
            key: key_json::<M::Entity>(&key),
            columns: was.unreadable,
        }
        .into());
    }
    let mut change = model.clone().into_active_model();
    for column in <M::Entity as EntityTrait>::Column::iter() {
        let name = column.as_str();
        let is_skipped = <M::Entity as EntityTrait>::PrimaryKey::from_column(column).is_some()
            || name == M::Entity::lock_version_column().as_str()
            || was.unknown.iter().chain(&was.generated).any(|n| n == name);
        let then = was.row.get(column);
        if !is_skipped && then != model.get(column) {
            change.set(column, then);
        }
    }
    Ok(change)
}
