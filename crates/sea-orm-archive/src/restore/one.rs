//! Restores one row by its key.

use std::marker::PhantomData;

use sea_orm::{DatabaseTransaction, Value};
use tracing::Instrument;

use super::next::{Next, must_resolve_first, next, record, span};
use super::parents;
use super::policies::{Policies, Source, policies};
use super::resolve;
use super::target::{MovedBack, Target, part_of, restored};
use super::wanted::Wanted;
use crate::entity::Archivable;
use crate::error::{ConflictError, Error, NotFoundError, RefusedError};
use crate::exec::{Attempts, Executor, ask, check_backend, value_text};
use crate::hooks::{self as hooked, Hooks, PartOf, Work, has_hooks_of, in_transaction};
use crate::optimistic_lock::{AtLockVersion, OptimisticLock};
use crate::planned::{Planned, planned, replanned};
use crate::report::{RestorePreview, Restored};
use crate::row::{locate, moving_row, table_name};

/// Restores one row with everything that was archived with it. Created by
/// [`ArchiveEntity::restore_by_id`](crate::ArchiveEntity::restore_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreOne<E: Archivable> {
    key: Vec<Value>,
    lock_version: Option<AtLockVersion>,
    by: Option<String>,
    policies: Policies,
    /// Whether the row may be one that was archived with a parent.
    as_part: bool,
    /// The entity of the root of the archival that the row is in.
    part_of: Option<PartOf>,
    entity: PhantomData<E>,
}

impl<E: Archivable> RestoreOne<E> {
    pub(crate) fn new(key: Vec<Value>) -> Self {
        Self {
            key,
            lock_version: None,
            by: None,
            policies: Policies::default(),
            as_part: false,
            part_of: None,
            entity: PhantomData,
        }
    }

    /// Who restores it: `restored_by` in the archival table.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.by = value_text(&actor.into().into());
        self
    }

    /// Restores the row with another value of a column, such as a slug that is taken meanwhile.
    ///
    /// The value is changed in the archive table, in the transaction of the restore. A column of the primary key, one that other tables
    /// refer to, and a generated column are a [`RefusedError::RestorePolicy`](crate::error::RefusedError::RestorePolicy). The role needs
    /// UPDATE on the archive table.
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
    /// #         #[sea_orm(unique)]
    /// #         pub slug: String,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// let restore = post::Entity::restore_by_id(42).set(post::Column::Slug, "first-2");
    /// println!("{:?}", restore.clone().preview(&db).await?.changes);
    /// restore.exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set(mut self, column: E::Column, value: impl Into<Value>) -> Self {
        self.policies.assign(column, value.into(), true);
        self
    }

    policies!(of one);

    /// Restores the row also where it was archived with a parent: one comment of an archived post, once its post is active again or with
    /// [`set`](Self::set) below another one.
    ///
    /// The row and the rows below it leave the archival of the parent, which keeps the others. They become an archival of their own, whose
    /// record the restore returns; [`part_of`](crate::archival::Model::part_of) is the one that they left. Where triggers of the
    /// application act on restored rows, this is a [`DriftError::Trigger`]: the parent was archived with a count that includes the row.
    ///
    /// Where the entity of the parent has hooks of a restore, this is a [`RefusedError::SkippedHooks`]: call
    /// [`as_part_of`](Self::as_part_of).
    ///
    /// [`DriftError::Trigger`]: crate::error::DriftError::Trigger
    /// [`RefusedError::SkippedHooks`]: crate::error::RefusedError::SkippedHooks
    pub fn as_part(mut self) -> Self {
        self.as_part = true;
        self
    }

    /// As [`as_part`](Self::as_part), with the hooks of the entity that the archival is of: its root, such as the post of an archived comment.
    ///
    /// `before_restore` of that entity runs first, then that of this entity, both for the archival that the row is in. Then the row is restored,
    /// and `after_restore` of this entity and then of that one runs, for the archival of the part.
    pub fn as_part_of<R: Archivable>(mut self) -> Self {
        self.part_of = Some(PartOf::of::<R>());
        self.as_part()
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
        let restored = match self.has_hooks() {
            true => {
                let hooked = HookedOne(&self);
                in_transaction(db, &hooked).instrument(span.clone()).await?
            }
            false => self.restore(db).instrument(span.clone()).await?,
        };
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
        if self.as_part || !self.policies.is_plain() {
            return self.restore_changed(db, &plan).await;
        }
        let mut attempts = Attempts::of(db);
        loop {
            let target = self.target(&plan, self.by.clone());
            let outcome = if must_resolve_first(db, &plan.restore) {
                Next::Resolve
            } else {
                next(&plan.restore, ask(db, &target.call(&plan.restore)).await)
            };
            match outcome {
                Next::Done(answer) => return restored(answer),
                Next::Nothing => self.moved_meanwhile(db, &mut attempts).await?,
                Next::Resolve | Next::OtherPlan => match target.id(db).await? {
                    Some(id) => {
                        let wanted = Wanted::one(id, self.by.clone());
                        let lock_root = target.lock_root();
                        let moved = resolve::restore(db, &wanted, lock_root.as_ref()).await;
                        match moved.and_then(MovedBack::one) {
                            // Race: another transaction has restored it meanwhile.
                            Err(Error::NotFound(NotFoundError::Archival { .. }))
                                if attempts.remain() =>
                            {
                                attempts.next();
                            }
                            outcome => return outcome,
                        }
                    }
                    None => self.moved_meanwhile(db, &mut attempts).await?,
                },
                Next::Failed(error) if attempts.allow(&error) => attempts.wait().await,
                Next::Failed(error) => match replanned::<E>(db, &plan, &error).await? {
                    Some(new) if attempts.remain() => {
                        attempts.next();
                        plan = new;
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    /// Begins the next attempt after one that has found nothing, unless there is a reason.
    ///
    /// Race: the row was active at the attempt, and has been archived since.
    async fn moved_meanwhile<C>(&self, db: &C, attempts: &mut Attempts) -> Result<(), Error>
    where
        C: Executor,
    {
        match self.why_not(db).await? {
            Some(error) => Err(error),
            None if attempts.remain() => {
                attempts.wait().await;
                Ok(())
            }
            None => Err(moving_row::<E>(&self.key)),
        }
    }

    /// The restore with policies.
    async fn restore_changed<C>(&self, db: &C, plan: &Planned) -> Result<Restored, Error>
    where
        C: Executor,
    {
        let lock_root = self.target(plan, None).lock_root();
        let mut attempts = Attempts::of(db);
        loop {
            match self.wanted(db, plan, self.by.clone()).await? {
                Some(wanted) => match parents::restore(db, &wanted, lock_root.as_ref()).await {
                    // Race: another transaction has restored it, or deferred it to another archival, meanwhile.
                    Err(Error::NotFound(NotFoundError::Archival { .. })) if attempts.remain() => {}
                    outcome => return outcome,
                },
                None => {
                    if let Some(error) = self.why_not_changed(db).await? {
                        return Err(error);
                    }
                }
            }
            if !attempts.remain() {
                return Err(moving_row::<E>(&self.key));
            }
            attempts.wait().await;
        }
    }

    /// As [`why_not`](Self::why_not); a row that was archived with a parent can be a part.
    async fn why_not_changed<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        match (self.why_not(db).await?, &self.lock_version) {
            (Some(Error::Conflict(ConflictError::ParentArchived { .. })), lock_version)
                if self.as_part =>
            {
                match lock_version {
                    Some(version) => version.conflict::<E, E::Deleted, C>(db, &self.key).await,
                    None => Ok(None),
                }
            }
            (error, _) => Ok(error),
        }
    }

    /// What is restored; `None` where the row is not archived, or not as a root.
    async fn wanted<C>(
        &self,
        db: &C,
        plan: &Planned,
        by: Option<String>,
    ) -> Result<Option<Wanted>, Error>
    where
        C: Executor,
    {
        let mut policies = self.policies.clone();
        let target = self.target(plan, None);
        let archival = match target.id(db).await? {
            Some(archival) => archival,
            None if !self.as_part => return Ok(None),
            None => match part_of::<E, C>(db, plan, &self.key, self.lock_version.as_ref()).await? {
                None => return Ok(None),
                Some(_) if policies.source == Source::Copies => {
                    return Err(Error::Refused(RefusedError::RestorePolicy {
                        table: table_name::<E>(),
                        problem: "`.as_new()` copies whole archivals, and the row was archived with a parent: restore it with `.as_part()` alone"
                            .to_owned(),
                    }));
                }
                Some((archival, key)) => {
                    policies.source = Source::Part(E::declaration().table, key);
                    archival
                }
            },
        };
        Ok(Some(Wanted::one(archival, by).with(&policies)))
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
        match self.has_hooks() {
            true => hooked::preview(db, &PreviewOne(&self)).await,
            false => self.preview_plain(db).await,
        }
    }

    async fn preview_plain<C>(&self, db: &C) -> Result<RestorePreview, Error>
    where
        C: Executor,
    {
        // Reports the same errors of the plan as a restore.
        let plan = planned::<E>(db).await?;
        match self.wanted(db, &plan, None).await? {
            Some(wanted) => parents::preview(db, &wanted).await,
            None => {
                let error = self.why_not_changed(db).await?;
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

impl<E: Archivable> RestoreOne<E> {
    fn has_hooks(&self) -> bool {
        let of_root = self.part_of.as_ref().and_then(PartOf::hooks_beside::<E>);
        E::hooks().is_some() || of_root.is_some()
    }

    /// The hooks that run, and whether the database may restore what is wanted: a part of an archival is restored only after the hooks of its root.
    async fn hooks(
        &self,
        db: &DatabaseTransaction,
        wanted: &Wanted,
    ) -> Result<(Vec<Hooks>, bool), Error> {
        let own = E::hooks();
        let is_part = matches!(wanted.policies.source, Source::Part(..));
        let mut is_allowed = own.is_some()
            && (!is_part || has_hooks_of(db, wanted.first(), &E::declaration().table).await?);
        let mut of_root = None;
        if let Some(root) = &self.part_of {
            of_root = root.hooks_of::<E>(wanted.first(), db).await?;
            is_allowed |= of_root.is_some();
        }
        Ok((of_root.into_iter().chain(own).collect(), is_allowed))
    }
}

/// A restore with the hooks of the entity, and of the entity of the root.
struct HookedOne<'a, E: Archivable>(&'a RestoreOne<E>);

impl<E: Archivable> Work for HookedOne<'_, E> {
    type Done = Restored;

    async fn run(&self, transaction: &DatabaseTransaction) -> Result<Restored, Error> {
        let plan = planned::<E>(transaction).await?;
        let mut running: Vec<_> = E::hooks().into_iter().collect();
        if let Some(wanted) = self.0.wanted(transaction, &plan, None).await? {
            let (hooks, is_allowed) = self.0.hooks(transaction, &wanted).await?;
            running = hooks;
            for hooks in &running {
                let ids = &wanted.archivals;
                hooks.before_restore(ids, transaction).await?;
            }
            if !is_allowed {
                hooked::allow(transaction, "").await?;
            }
        }
        // Where there is nothing to restore, this reports why.
        let restored = self.0.restore(transaction).await?;
        let archivals = std::slice::from_ref(&restored.archival);
        for hooks in running.iter().rev() {
            hooks.after_restore(archivals, transaction).await?;
        }
        Ok(restored)
    }
}

struct PreviewOne<'a, E: Archivable>(&'a RestoreOne<E>);

impl<E: Archivable> Work for PreviewOne<'_, E> {
    type Done = RestorePreview;

    async fn run(&self, transaction: &DatabaseTransaction) -> Result<RestorePreview, Error> {
        // Reports the same errors of the plan as a restore.
        let plan = planned::<E>(transaction).await?;
        if let Some(wanted) = self.0.wanted(transaction, &plan, None).await?
            && !self.0.hooks(transaction, &wanted).await?.1
        {
            hooked::allow(transaction, "").await?;
        }
        self.0.preview_plain(transaction).await
    }
}
