//! Restores every archival that a filter finds.

use std::marker::PhantomData;

use sea_orm::sea_query::{Expr, IntoCondition, PostgresQueryBuilder, Query, SelectStatement};
use sea_orm::{DatabaseTransaction, EntityName, Value};
use sea_orm_archive_postgres::ident::{key_object, quote};
use tracing::Instrument;

use super::policies::{Policies, policies};
use super::selection::{Page, Selection};
use crate::archival;
use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Attempts, Executor, check_backend, value_text};
use crate::hooks::{self as hooked, Hooks, Work, in_transaction};
use crate::planned::{Planned, planned, replanned};
use crate::report::{RestoreManyPreview, RestoredMany};
use crate::row::is_root_row;

/// Restores every archival whose root a filter on the deleted entity finds. Created by
/// [`ArchiveEntity::restore_many`](crate::ArchiveEntity::restore_many).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreMany<E: Archivable> {
    roots: SelectStatement,
    by: Option<String>,
    skip_conflicts: bool,
    policies: Policies,
    page: Option<Page>,
    entity: PhantomData<E>,
}

impl<E: Archivable> RestoreMany<E> {
    pub(crate) fn new() -> Self {
        Self {
            roots: all_of(E::Deleted::default()),
            by: None,
            skip_conflicts: false,
            policies: Policies::default(),
            page: None,
            entity: PhantomData,
        }
    }

    /// Which rows of the archive table, as a condition on the deleted entity. Several filters must all be true; without a filter
    /// every archival with a root in this table is restored.
    ///
    /// Rows that were archived with a parent are not roots: they come back with their parent only.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.roots.cond_where(filter.into_condition());
        self
    }

    /// Who restores them: `restored_by` in the archival table.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.by = value_text(&actor.into().into());
        self
    }

    /// Restores the archivals without conflicts, and returns the others in [`RestoredMany::skipped`].
    ///
    /// Where two of the archivals have the same unique value, the later one is restored. A conflict that only the move itself
    /// finds, such as a CHECK that is newer than the archived rows, still prevents the whole restore.
    pub fn skip_conflicts(mut self) -> Self {
        self.skip_conflicts = true;
        self
    }

    /// As [`RestoreOne::set`](crate::RestoreOne::set), of every root.
    pub fn set(mut self, column: E::Column, value: impl Into<Value>) -> Self {
        self.policies.assign(column, value.into(), true);
        self
    }

    policies!();

    /// Restores at most `archivals` in a transaction, the newest first, until none is left.
    pub fn in_batches(mut self, archivals: u64) -> RestoreBatches<E> {
        self.page = Some(Page {
            most: archivals.clamp(1, i64::MAX.unsigned_abs()),
            without: Vec::new(),
        });
        RestoreBatches { many: self }
    }

    fn selection(&self, plan: &Planned) -> Selection {
        let (roots, values) = self.roots.build(PostgresQueryBuilder);
        let key = key_object(&plan.plan.root().table.key, "d");
        let id = format!("d.{}", quote(&E::declaration().added.archival_id));
        Selection {
            // OFFSET 0: the records are looked up one by one. In a join the planner may read the whole archival table, since it
            // estimates far too few records.
            from: format!(
                "({roots}) AS d CROSS JOIN LATERAL (SELECT a.restored_at, a.purged_at FROM archive.archival AS a \
                 WHERE a.id OPERATOR(pg_catalog.=) {id} AND {} OFFSET 0) AS a",
                is_root_row::<E>("a", "d", &key),
            ),
            id,
            values: values.0,
            by: self.by.clone(),
            skip_conflicts: self.skip_conflicts,
            policies: self.policies.clone(),
            page: self.page.clone(),
        }
    }

    /// Moves all of them back in one statement. Where a constraint is violated, or a row waits for another parent, some more
    /// statements collect all conflicts; their number does not grow with that of the archivals.
    ///
    /// Rows whose parent is in another of these archivals are restored with it. Where no row matches, nothing is restored, which
    /// is no error.
    ///
    /// # Errors
    ///
    /// [`ConflictError::RestoreMany`] with the conflicts of each archival, or as [`RestoreOne::exec`](crate::RestoreOne::exec):
    /// nothing has moved then. More than 200,000 archivals are a [`RefusedError::TooManyRows`].
    ///
    /// [`ConflictError::RestoreMany`]: crate::error::ConflictError::RestoreMany
    /// [`RefusedError::TooManyRows`]: crate::error::RefusedError::TooManyRows
    pub async fn exec<C>(self, db: &C) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let span = span(E::default().table_name());
        let restored = match E::hooks() {
            Some(hooks) => {
                let hooked = HookedMany { many: &self, hooks };
                in_transaction(db, &hooked).instrument(span.clone()).await?
            }
            None => self.restore(db).instrument(span.clone()).await?,
        };
        record(&span, &restored);
        Ok(restored)
    }

    async fn restore<C>(&self, db: &C) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        let mut plan = planned::<E>(db).await?;
        loop {
            let selection = self.selection(&plan);
            match selection.restore_planned(db, &plan.restore).await {
                Ok(Some(restored)) => return Ok(restored),
                Ok(None) => return selection.resolve(db).await,
                Err(error) => match replanned::<E>(db, &plan, &error).await? {
                    Some(new) => plan = new,
                    None => return Err(error),
                },
            }
        }
    }

    /// What [`exec`](Self::exec) would restore, which rows would stay archived, and every conflict. A preview moves
    /// nothing: it tries the restore and rolls it back.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), except that conflicts are in the result.
    pub async fn preview<C>(self, db: &C) -> Result<RestoreManyPreview, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        match E::hooks() {
            Some(_) => hooked::preview(db, &PreviewMany(&self)).await,
            None => self.preview_plain(db).await,
        }
    }

    async fn preview_plain<C>(&self, db: &C) -> Result<RestoreManyPreview, Error>
    where
        C: Executor,
    {
        let plan = planned::<E>(db).await?;
        self.selection(&plan).preview(db).await
    }

    /// The same for these archivals alone.
    fn of_archivals(&self, ids: &[i64]) -> Self {
        let mut many = self.clone();
        many.roots.and_where(is_one_of::<E>(ids));
        many
    }
}

/// The condition that the rows are of one of these archivals.
pub(crate) fn is_one_of<E: Archivable>(ids: &[i64]) -> Expr {
    let archival_id = quote(&E::declaration().added.archival_id);
    let condition = format!("{archival_id} OPERATOR(pg_catalog.=) ANY ($1)");
    Expr::cust_with_values(condition, [Value::from(ids.to_vec())])
}

/// A restore with the hooks of the entity.
struct HookedMany<'a, E: Archivable> {
    many: &'a RestoreMany<E>,
    hooks: Hooks,
}

impl<E: Archivable> Work for HookedMany<'_, E> {
    type Done = RestoredMany;

    /// Race: an archival that the filter finds later. It is not restored, since its hooks have not run.
    async fn run(&self, transaction: &DatabaseTransaction) -> Result<RestoredMany, Error> {
        let plan = planned::<E>(transaction).await?;
        let ids = self.many.selection(&plan).find(transaction).await?;
        if ids.is_empty() {
            return Ok(RestoredMany::default());
        }
        self.hooks.before_restore(&ids, transaction).await?;
        let restored = self.many.of_archivals(&ids).restore(transaction).await?;
        let archivals = &restored.archivals;
        self.hooks.after_restore(archivals, transaction).await?;
        Ok(restored)
    }
}

struct PreviewMany<'a, E: Archivable>(&'a RestoreMany<E>);

impl<E: Archivable> Work for PreviewMany<'_, E> {
    type Done = RestoreManyPreview;

    async fn run(&self, transaction: &DatabaseTransaction) -> Result<RestoreManyPreview, Error> {
        self.0.preview_plain(transaction).await
    }
}

/// Restores in batches. Created by [`RestoreMany::in_batches`].
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.next(&db)`"]
pub struct RestoreBatches<E: Archivable> {
    many: RestoreMany<E>,
}

impl<E: Archivable> RestoreBatches<E> {
    /// Restores the next batch, and returns what came back; `None` when no archival is left.
    ///
    /// On a pool each batch is a transaction of its own: it holds its locks until then, and what it restored stays, whatever happens
    /// to the next one. After an error, or in another process, call it again: it goes on with what is still archived. In a
    /// transaction of the caller the batches are savepoints. Several workers share the archivals; one that others always precede gets
    /// a [`RetryError::Contention`](crate::error::RetryError::Contention).
    ///
    /// The newest archivals come first, since a row that was archived alone may need a parent that was archived later. In a table that
    /// refers to itself with `detach`, one `archive_many` may have archived a row before its parent: then a batch may end with a
    /// [`Conflict::MissingParent`](crate::Conflict::MissingParent). Take a larger batch, or [`RestoreMany::exec`].
    ///
    /// # Errors
    ///
    /// As [`RestoreMany::exec`], for the archivals of this batch.
    pub async fn next<C>(&mut self, db: &C) -> Result<Option<RestoredMany>, Error>
    where
        C: Executor,
    {
        // Race: others restore all archivals of a batch while it waits for their locks. A new snapshot shows those after them.
        let mut attempts = Attempts::of(db);
        loop {
            let restored = self.many.clone().exec(db).await?;
            let skipped = restored.skipped.iter().filter_map(|found| found.archival);
            let skipped: Vec<i64> = skipped.collect();
            if !restored.archivals.is_empty() || !skipped.is_empty() {
                if let Some(page) = &mut self.many.page {
                    page.without.extend(skipped);
                }
                return Ok(Some(restored));
            }
            let plan = planned::<E>(db).await?;
            if self.many.selection(&plan).is_empty(db).await? {
                return Ok(None);
            }
            attempts.after_others().await?;
        }
    }
}

/// Restores every archival that a filter on the archival table finds, whatever its tables are. Created by
/// [`archival::Entity::restore_many`].
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreArchivals {
    records: SelectStatement,
    by: Option<String>,
    skip_conflicts: bool,
    policies: Policies,
}

impl RestoreArchivals {
    pub(crate) fn new() -> Self {
        Self {
            records: all_of(archival::Entity),
            by: None,
            skip_conflicts: false,
            policies: Policies::default(),
        }
    }

    /// Which archivals, such as `archival::Column::ArchivedBy.eq("7")`. Several filters must all be true; without a filter all of
    /// them are restored.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.records.cond_where(filter.into_condition());
        self
    }

    /// Who restores them: `restored_by` in the archival table.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// As [`RestoreMany::skip_conflicts`].
    pub fn skip_conflicts(mut self) -> Self {
        self.skip_conflicts = true;
        self
    }

    policies!();

    fn selection(&self) -> Selection {
        let (records, values) = self.records.build(PostgresQueryBuilder);
        Selection {
            from: format!("({records}) AS a"),
            id: "a.id".to_owned(),
            values: values.0,
            by: self.by.clone(),
            skip_conflicts: self.skip_conflicts,
            policies: self.policies.clone(),
            page: None,
        }
    }

    /// Moves the rows of all of them back in one transaction, and one statement for each tenant, after some statements that read
    /// their tables and check for conflicts. The number of statements does not grow with that of the archivals.
    ///
    /// # Errors
    ///
    /// As [`RestoreMany::exec`].
    pub async fn exec<C>(self, db: &C) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let span = span("archival");
        let selection = self.selection();
        let restored = selection.resolve(db).instrument(span.clone()).await?;
        record(&span, &restored);
        Ok(restored)
    }

    /// As [`RestoreMany::preview`].
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec), except that conflicts are in the result.
    pub async fn preview<C>(self, db: &C) -> Result<RestoreManyPreview, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        self.selection().preview(db).await
    }
}

/// `SELECT * FROM` the table of an entity.
fn all_of(entity: impl EntityName) -> SelectStatement {
    let mut rows = Query::select();
    rows.expr(Expr::cust("*")).from(entity.table_ref());
    rows
}

fn span(table: &str) -> tracing::Span {
    tracing::info_span!(
        "restore_many",
        table,
        archivals = tracing::field::Empty,
        rows = tracing::field::Empty,
        skipped = tracing::field::Empty,
    )
}

fn record(span: &tracing::Span, restored: &RestoredMany) {
    span.record("archivals", restored.archivals.len());
    span.record("rows", restored.rows.values().sum::<u64>());
    span.record("skipped", restored.skipped.len());
    span.in_scope(|| tracing::debug!("restored"));
}
