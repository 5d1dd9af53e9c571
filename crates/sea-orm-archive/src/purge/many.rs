//! Purges every archival that a filter finds.

use std::marker::PhantomData;
use std::time::Duration;

use sea_orm::sea_query::{Expr, IntoCondition, PostgresQueryBuilder, Query, SelectStatement};
use sea_orm::{DatabaseTransaction, EntityName, Value};
use sea_orm_archive_postgres::ident::{key_object, quote};
use tracing::Instrument;

use super::found::{Found, Options, Verb};
use crate::archival;
use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Attempts, Executor, check_backend, value_text};
use crate::hooks::{self as hooked, Hooks, PartOf, Work, in_transaction};
use crate::planned::{Planned, planned, replanned};
use crate::report::PurgedMany;
use crate::restore::is_one_of;
use crate::row::is_root_row;

/// Purges every archival whose root a filter on the deleted entity finds. Created by
/// [`ArchiveEntity::purge_many`](crate::ArchiveEntity::purge_many).
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.exec(&db)`"]
pub struct PurgeMany<E: Archivable> {
    roots: SelectStatement,
    options: Options,
    /// The entity of the root of the archival that the rows were left from.
    part_of: Option<PartOf>,
    entity: PhantomData<E>,
}

impl<E: Archivable> PurgeMany<E> {
    pub(crate) fn new() -> Self {
        Self {
            roots: all_of(E::Deleted::default()),
            options: Options::default(),
            part_of: None,
            entity: PhantomData,
        }
    }

    /// Which rows of the archive table, as a condition on the deleted entity. Several filters must all be true; without a filter
    /// every archival with a root in this table is purged.
    ///
    /// Rows that were archived with a parent are not roots: they are purged with their parent only.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.roots.cond_where(filter.into_condition());
        self
    }

    /// Only what was archived at least so long ago.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.options.older_than = Some(age);
        self
    }

    /// Who purges them: `purged_by` in the archival table.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.options.by = value_text(&actor.into().into());
        self
    }

    /// Why, such as the name of a policy or the number of an erasure request: `purge_policy` in the archival table.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.options.policy = Some(policy.into());
        self
    }

    /// Leaves out archivals that are held, or have a row that is, and purges the others. [`PurgedMany::held`] lists them.
    pub fn skip_held(mut self) -> Self {
        self.options.skip_held = true;
        self
    }

    /// Purges only what [`skip_conflicting`](crate::RestoreOne::skip_conflicting) left archived when archivals of another entity were restored,
    /// such as a line of a note, with the hooks of that entity.
    ///
    /// Such a row is an archival of its own, which has the hooks of the archival that it was in: without this call, the purge of a row whose own
    /// entity has no hooks is a [`RefusedError::SkippedHooks`](crate::error::RefusedError::SkippedHooks). `before_purge` of that entity runs
    /// first, then that of this entity, and `after_purge` in the other order, for the archival of the row.
    ///
    /// ```no_run
    /// # mod line {
    /// #     use sea_orm::entity::prelude::*;
    /// #     use sea_orm_archive::DeriveArchive;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    /// #     #[sea_orm(table_name = "lines")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls<Note: sea_orm_archive::Archivable>(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// line::Entity::purge_many().as_part_of::<Note>().exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn as_part_of<R: Archivable>(mut self) -> Self {
        self.part_of = Some(PartOf::of::<R>());
        self
    }

    /// Purges at most `archivals` in a transaction, the oldest first, until none is left.
    pub fn in_batches(mut self, archivals: u64) -> PurgeBatches<E> {
        self.options.most = Some(archivals.clamp(1, i64::MAX.unsigned_abs()));
        PurgeBatches { many: self }
    }

    fn found(&self, plan: &Planned) -> Found {
        let (roots, values) = self.roots.build(PostgresQueryBuilder);
        let key = key_object(&plan.plan.root().table.key, "d");
        let id = format!("d.{}", quote(&E::declaration().added.archival_id));
        let part_of = match &self.part_of {
            Some(root) => format!(
                " AND a.part_of IS NOT NULL AND {}",
                root.is_hooked_root("a.id")
            ),
            None => String::new(),
        };
        Found {
            // OFFSET 0: the records are looked up one by one. In a join the planner may read the whole archival table, since it
            // estimates far too few records.
            from: format!(
                "({roots}) AS d CROSS JOIN LATERAL (SELECT a.archived_at, a.restored_at, a.purged_at FROM archive.archival AS a \
                 WHERE a.id OPERATOR(pg_catalog.=) {id} AND {}{part_of} OFFSET 0) AS a",
                is_root_row::<E>("a", "d", &key),
            ),
            id,
            values: values.0,
            options: self.options.clone(),
        }
    }

    /// Deletes the rows of all of them from their archive tables, and their detached links. The records stay, as those of
    /// [`PurgeArchival::exec`](crate::PurgeArchival::exec). Where no row matches, nothing is purged, which is no error.
    ///
    /// Two statements in a transaction, for any number of archivals: the first locks their records, and the second purges those that the
    /// filter still finds. It waits for archivals that a restore or another purge has locked, and leaves out what those restored or purged.
    ///
    /// # Errors
    ///
    /// As [`PurgeArchival::exec`](crate::PurgeArchival::exec): nothing is deleted then. So an archival that is held refuses the purge of all,
    /// without [`skip_held`](Self::skip_held).
    pub async fn exec<C>(self, db: &C) -> Result<PurgedMany, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let span = span(E::default().table_name());
        let hooks = self.hooks();
        let purged = match hooks.is_empty() {
            true => self.run(db, Verb::Purge).instrument(span.clone()).await?,
            false => {
                let hooked = Hooked { many: &self, hooks };
                in_transaction(db, &hooked).instrument(span.clone()).await?
            }
        };
        record(&span, &purged);
        Ok(purged)
    }

    /// What [`exec`](Self::exec) would purge. A preview deletes nothing: it tries the purge and rolls it back.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec).
    pub async fn preview<C>(self, db: &C) -> Result<PurgedMany, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        match self.hooks().is_empty() {
            true => self.run(db, Verb::Preview).await,
            false => hooked::preview(db, &Preview(&self)).await,
        }
    }

    /// The hooks that run: those of the entity of the root first.
    fn hooks(&self) -> Vec<Hooks> {
        let of_root = self.part_of.as_ref().and_then(PartOf::hooks_beside::<E>);
        of_root.into_iter().chain(E::hooks()).collect()
    }

    async fn run<C>(&self, db: &C, verb: Verb) -> Result<PurgedMany, Error>
    where
        C: Executor,
    {
        let mut plan = planned::<E>(db).await?;
        loop {
            match self.found(&plan).run(db, verb).await {
                Err(error) => match replanned::<E>(db, &plan, &error).await? {
                    Some(new) => plan = new,
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }
}

/// A purge with the hooks of the entity, and of the entity of the root.
struct Hooked<'a, E: Archivable> {
    many: &'a PurgeMany<E>,
    hooks: Vec<Hooks>,
}

impl<E: Archivable> Work for Hooked<'_, E> {
    type Done = PurgedMany;

    /// Race: an archival that the filter finds later. It is not purged, since its hooks have not run.
    async fn run(&self, transaction: &DatabaseTransaction) -> Result<PurgedMany, Error> {
        let plan = planned::<E>(transaction).await?;
        let ids = self.many.found(&plan).find(transaction).await?;
        if ids.is_empty() {
            return Ok(PurgedMany::default());
        }
        for hooks in &self.hooks {
            hooks.before_purge(&ids, transaction).await?;
        }
        let mut these = self.many.clone();
        these.roots.and_where(is_one_of::<E>(&ids));
        let purged = these.run(transaction, Verb::Purge).await?;
        for hooks in self.hooks.iter().rev() {
            hooks.after_purge(&ids, transaction).await?;
        }
        Ok(purged)
    }
}

struct Preview<'a, E: Archivable>(&'a PurgeMany<E>);

impl<E: Archivable> Work for Preview<'_, E> {
    type Done = PurgedMany;

    async fn run(&self, transaction: &DatabaseTransaction) -> Result<PurgedMany, Error> {
        self.0.run(transaction, Verb::Preview).await
    }
}

/// Purges in batches. Created by [`PurgeMany::in_batches`].
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.next(&db)`"]
pub struct PurgeBatches<E: Archivable> {
    many: PurgeMany<E>,
}

impl<E: Archivable> PurgeBatches<E> {
    /// Purges the next batch, and returns what was deleted; `None` when no archival is left.
    ///
    /// On a pool each batch is a transaction of its own, of whole archivals: what it purged stays purged, whatever happens to the next
    /// one. After an error, or in another process, call it again: it goes on with what is still archived. In a transaction of the
    /// caller the batches are savepoints. A batch waits for archivals that others have locked.
    ///
    /// The oldest archivals come first. A row that refers to a row of another archival was archived before it, so children are
    /// purged before their parents.
    ///
    /// # Errors
    ///
    /// As [`PurgeMany::exec`], for the archivals of this batch.
    pub async fn next<C>(&mut self, db: &C) -> Result<Option<PurgedMany>, Error>
    where
        C: Executor,
    {
        // Race: others purge or restore all archivals of a batch while it waits for their locks. A new snapshot shows those after them.
        let mut attempts = Attempts::of(db);
        loop {
            let purged = self.many.clone().exec(db).await?;
            self.many.options.held.extend(purged.held.keys());
            if purged.archivals > 0 {
                return Ok(Some(purged));
            } else if !purged.held.is_empty() {
                continue;
            }
            let plan = planned::<E>(db).await?;
            if self.many.found(&plan).is_empty(db).await? {
                return Ok(None);
            }
            attempts.after_others().await?;
        }
    }
}

/// Purges every archival that a filter on the archival table finds, whatever its tables are. Created by
/// [`archival::Entity::purge_many`].
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.exec(&db)`"]
pub struct PurgeArchivals {
    records: SelectStatement,
    options: Options,
}

impl PurgeArchivals {
    pub(crate) fn new() -> Self {
        Self {
            records: all_of(archival::Entity),
            options: Options::default(),
        }
    }

    /// Which archivals, such as `archival::Column::ArchivedBy.eq("7")`. Several filters must all be true; without a filter all of
    /// them are purged.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.records.cond_where(filter.into_condition());
        self
    }

    /// As [`PurgeMany::older_than`].
    pub fn older_than(mut self, age: Duration) -> Self {
        self.options.older_than = Some(age);
        self
    }

    /// Who purges them: `purged_by` in the archival table.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.options.by = value_text(&actor.into());
        self
    }

    /// As [`PurgeMany::policy`].
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.options.policy = Some(policy.into());
        self
    }

    /// As [`PurgeMany::skip_held`].
    pub fn skip_held(mut self) -> Self {
        self.options.skip_held = true;
        self
    }

    /// As [`PurgeMany::in_batches`].
    pub fn in_batches(mut self, archivals: u64) -> PurgeArchivalBatches {
        self.options.most = Some(archivals.clamp(1, i64::MAX.unsigned_abs()));
        PurgeArchivalBatches { many: self }
    }

    fn found(&self) -> Found {
        let (records, values) = self.records.build(PostgresQueryBuilder);
        Found {
            from: format!("({records}) AS a"),
            id: "a.id".to_owned(),
            values: values.0,
            options: self.options.clone(),
        }
    }

    /// As [`PurgeMany::exec`].
    ///
    /// # Errors
    ///
    /// As [`PurgeMany::exec`].
    pub async fn exec<C>(self, db: &C) -> Result<PurgedMany, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let span = span("archival");
        let purged = self
            .found()
            .run(db, Verb::Purge)
            .instrument(span.clone())
            .await?;
        record(&span, &purged);
        Ok(purged)
    }

    /// As [`PurgeMany::preview`].
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec).
    pub async fn preview<C>(self, db: &C) -> Result<PurgedMany, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        self.found().run(db, Verb::Preview).await
    }
}

/// Purges in batches. Created by [`PurgeArchivals::in_batches`].
#[derive(Clone, Debug)]
#[must_use = "nothing is purged before `.next(&db)`"]
pub struct PurgeArchivalBatches {
    many: PurgeArchivals,
}

impl PurgeArchivalBatches {
    /// As [`PurgeBatches::next`].
    ///
    /// # Errors
    ///
    /// As [`PurgeArchivals::exec`], for the archivals of this batch.
    pub async fn next<C>(&mut self, db: &C) -> Result<Option<PurgedMany>, Error>
    where
        C: Executor,
    {
        // Race: as in `PurgeBatches::next`.
        let mut attempts = Attempts::of(db);
        loop {
            let purged = self.many.clone().exec(db).await?;
            self.many.options.held.extend(purged.held.keys());
            if purged.archivals > 0 {
                return Ok(Some(purged));
            } else if !purged.held.is_empty() {
                continue;
            }
            if self.many.found().is_empty(db).await? {
                return Ok(None);
            }
            attempts.after_others().await?;
        }
    }
}

/// `SELECT * FROM` the table of an entity.
fn all_of(entity: impl EntityName) -> SelectStatement {
    let mut rows = Query::select();
    rows.expr(Expr::cust("*")).from(entity.table_ref());
    rows
}

pub(super) fn span(table: &str) -> tracing::Span {
    tracing::info_span!(
        "purge_many",
        table,
        archivals = tracing::field::Empty,
        rows = tracing::field::Empty,
    )
}

fn record(span: &tracing::Span, purged: &PurgedMany) {
    span.record("archivals", purged.archivals);
    span.record("rows", purged.rows.values().sum::<u64>());
    span.in_scope(|| tracing::debug!("purged"));
}
