//! Restoring: exactly what one archival took comes back.

use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::Value;
use sea_orm::sea_query::PostgresQueryBuilder;
use serde_json::Value as Json;
use tracing::Instrument;

use crate::archival;
use crate::archive::restless;
use crate::careful;
use crate::catalog::KeyColumn;
use crate::entity::{Archivable, DeclaredName};
use crate::error::{self, Error};
use crate::exec::{ATTEMPTS, Executor, Sql, actor_text, ask, back_off, check_backend, is_stale};
use crate::lock::{AtVersion, OptimisticLock};
use crate::plan;
use crate::planned::{LEDGER, Planned, PlannedRestore, planned, replanned};
use crate::report::{RestorePreview, Restored};
use crate::sql::restore::is_planned;
use crate::sql::{key_object, quote, resolved};
use crate::whereabouts::{is_root_table, look, row};

/// Restores one row with everything that was archived with it. Made by
/// [`ArchiveEntity::restore_by_id`](crate::ArchiveEntity::restore_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreOne<E: Archivable> {
    key: Vec<Value>,
    version: Option<AtVersion>,
    by: Option<String>,
    entity: PhantomData<E>,
}

/// Restores everything that an archival moved. Made by
/// [`archival::Entity::restore_by_id`](crate::archival::Entity::restore_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is restored before `.exec(&db)`"]
pub struct RestoreArchival {
    archival: i64,
    by: Option<String>,
}

/// The archival that is wanted: a query for `a.id`, to be locked or only read.
pub(crate) struct Target {
    find: String,
    /// The root at the version that is wanted, to be locked after the archival: nobody changes it
    /// before it moves.
    at_version: Option<AtVersionRow>,
    values: Vec<Value>,
    by: Option<String>,
}

/// A query for a row of a twin if it has a certain version, with the values of the [`Target`].
struct AtVersionRow {
    row: String,
    archival_id: String,
}

impl Target {
    /// The archival with this id, unless it was restored.
    pub fn archival(id: i64, by: Option<String>) -> Self {
        Self {
            find:
                "SELECT a.id FROM archive.archival AS a WHERE a.id = $1 AND a.restored_at IS NULL"
                    .to_owned(),
            at_version: None,
            values: vec![id.into()],
            by,
        }
    }

    /// The archival whose root is this row.
    fn root<E: Archivable>(
        key_columns: &[KeyColumn],
        key: &[Value],
        version: Option<&AtVersion>,
        by: Option<String>,
    ) -> Self {
        let mut row = row::<E::Deleted>(key);
        if let Some(version) = version {
            row.and_where(version.holds::<E::Deleted>());
        }
        let (row, values) = row.build(PostgresQueryBuilder);
        Self {
            find: format!(
                "SELECT a.id FROM ({row}) AS d JOIN archive.archival AS a ON a.id = d.{} \
                 WHERE a.restored_at IS NULL AND {} AND a.root_key = {}",
                quote(&E::declaration().added.archival_id),
                is_root_table::<E>("a"),
                key_object(key_columns, "d"),
            ),
            at_version: version.map(|_| AtVersionRow {
                row,
                archival_id: quote(&E::declaration().added.archival_id),
            }),
            values: values.0,
            by,
        }
    }

    /// The call of `archive.run`. `archive.begin_restore` locks the archival record in this very statement: of two
    /// restores the second waits here, and then finds nothing to restore.
    pub fn call(&self, planned: &PlannedRestore) -> Sql {
        let mut sql = Sql {
            text: String::new(),
            values: self.values.clone(),
        };
        let by = sql.bind(self.by.clone());
        // The archival is marked by now: a root that is not found stops the statement, which takes the mark back.
        let (root, at_version) = match &self.at_version {
            Some(AtVersionRow { row, archival_id }) => (
                format!(
                    " LEFT JOIN LATERAL (SELECT true AS found FROM ({row}) AS d \
                     WHERE d.{archival_id} OPERATOR(pg_catalog.=) (c.claim OPERATOR(pg_catalog.->>) 'id')::bigint FOR UPDATE) AS r ON true"
                ),
                format!(
                    " AND CASE WHEN r.found THEN true ELSE archive.stop('{}', 'the root has another version') END",
                    error::OTHER_VERSION
                ),
            ),
            None => Default::default(),
        };
        let args = format!(
            "SELECT c.claim OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('by', {by}::pg_catalog.text) \
             FROM ({}) AS k, LATERAL (SELECT archive.begin_restore(k.id, coalesce({by}::pg_catalog.text, archive.current_actor())) AS claim) AS c{root} WHERE c.claim IS NOT NULL AND {} AND {}{at_version}",
            self.find,
            is_planned(&planned.plan, "c.claim"),
            resolved(&planned.plan.basis),
        );
        planned.steps.call(&mut sql, &args);
        sql
    }

    /// The lock of the root at its version, for a transaction that has locked the archival.
    fn lock_root(&self) -> Option<Sql> {
        let AtVersionRow { row, .. } = self.at_version.as_ref()?;
        Some(Sql {
            text: format!(
                "SELECT pg_catalog.to_jsonb(true) AS result FROM ({row} FOR UPDATE) AS d"
            ),
            values: self.values.clone(),
        })
    }

    /// The archival's id, unlocked.
    async fn id<C>(&self, db: &C) -> Result<Option<i64>, Error>
    where
        C: Executor,
    {
        let text = format!(
            "SELECT pg_catalog.to_jsonb(k.id) AS result FROM ({}) AS k",
            self.find
        );
        let found = ask(
            db,
            &Sql {
                text,
                values: self.values.clone(),
            },
        )
        .await?;
        Ok(found.and_then(|id| id.as_i64()))
    }
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

    /// Who restores it: `restored_by` in the ledger.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.by = actor_text(actor.into().into());
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
    /// #         pub version: i32,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), ArchiveError> {
    /// note::Entity::restore_by_id(42).at_version(3).exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The archived row is locked by the statement that looks at its version, which takes the privilege
    /// UPDATE on the archive table. Another version is an [`Error::VersionConflict`].
    pub fn at_version(mut self, version: E::Version) -> Self
    where
        E: OptimisticLock,
    {
        self.version = Some(AtVersion::of::<E>(version));
        self
    }

    /// Moves back everything that was archived with this row, and puts the detached links back.
    ///
    /// One statement, one round trip, one transaction; in a transaction of the caller's a savepoint.
    /// Where something is in the way, a second look finds all of it.
    ///
    /// # Errors
    ///
    /// [`Error::RestoreConflict`] with every conflict, [`Error::ParentArchived`] where the row went
    /// with a parent or its parent is archived too, [`Error::NotArchived`], [`Error::NotFound`],
    /// [`Error::Drift`], [`Error::Contention`], with [`at_version`](Self::at_version) also
    /// [`Error::VersionConflict`]: nothing has moved then.
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
        let mut plan = planned::<E, C>(db).await?;
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
                            match careful::restore(db, id, self.by.clone(), lock_root.as_ref())
                                .await
                            {
                                // Race: somebody else has restored it meanwhile.
                                Err(Error::AlreadyRestored { .. }) if attempt < ATTEMPTS => {}
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
                Next::Failed(error) => match replanned::<E, C>(db, &plan, &error).await? {
                    Some(new) if attempt < ATTEMPTS => plan = new,
                    _ => return Err(error),
                },
            }
        }
        Err(restless::<E>(&self.key))
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
        let plan = planned::<E, C>(db).await?;
        let target = self.target(&plan, None);
        match target.id(db).await? {
            Some(id) => careful::preview(db, id).await,
            None => {
                let error = self.why_not(db).await?;
                Err(error.unwrap_or_else(|| restless::<E>(&self.key)))
            }
        }
    }

    /// Why this row is not the root of an archival; `None` where it is one, now.
    async fn why_not<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        let found = look::<E, C>(db, &self.key).await?;
        match (found.why_not_restored::<E>(&self.key), &self.version) {
            (None, Some(version)) => version.conflict::<E, E::Deleted, C>(db, &self.key).await,
            (error, _) => Ok(error),
        }
    }
}

impl RestoreArchival {
    pub(crate) fn new(archival: i64) -> Self {
        Self { archival, by: None }
    }

    /// Who restores it: `restored_by` in the ledger.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = actor_text(actor.into());
        self
    }

    /// Moves back everything that this archival holds, and puts the detached links back.
    ///
    /// The tables are those that the ledger names, so it works without their entities. A restore of
    /// other archivals of the same tables is planned once.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyRestored`], or as [`RestoreOne::exec`]: nothing has moved then.
    pub async fn exec<C>(self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let span = span(&DeclaredName {
            schema: Some("archive".to_owned()),
            table: "archival".to_owned(),
        });
        let restored = self.restore(db).instrument(span.clone()).await?;
        record(&span, &restored);
        Ok(restored)
    }

    async fn restore<C>(&self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        let target = Target::archival(self.archival, self.by.clone());
        for kept in plan::remembered::<PlannedRestore>(LEDGER) {
            if must_look_first(db, &kept) {
                continue;
            }
            match next(db, ask(db, &target.call(&kept)).await, 1) {
                Next::Done(answer) => return restored(answer),
                Next::Nothing => {
                    return Err(Error::AlreadyRestored {
                        archival: self.archival,
                    });
                }
                Next::OtherPlan => {}
                Next::Carefully | Next::Again => break,
                Next::Failed(error) if is_stale(&error) => {}
                Next::Failed(error) => return Err(error),
            }
        }
        careful::restore(db, self.archival, self.by.clone(), None).await
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
        careful::preview(db, self.archival).await
    }
}

/// What to do after an attempt.
enum Next {
    Done(Json),
    Nothing,
    Again,
    /// Something is in the way: look closely.
    Carefully,
    /// The archival holds rows of other tables than the plan restores.
    OtherPlan,
    Failed(Error),
}

fn next(db: &impl Executor, answer: Result<Option<Json>, Error>, attempt: u32) -> Next {
    match answer {
        Ok(Some(answer)) if !answer.is_null() => Next::Done(answer),
        Ok(_) => Next::Nothing,
        Err(Error::Contention { .. }) if db.is_pool() && attempt < ATTEMPTS => Next::Again,
        Err(error) => match error::code(&error).as_deref() {
            Some(error::OTHER_PLAN) => Next::OtherPlan,
            Some(error::OTHER_VERSION) => Next::Nothing,
            Some("23505" | "23P01" | "23514" | "23502") => Next::Carefully,
            Some(code) if error::is_foreign_key(code) => Next::Carefully,
            _ => Next::Failed(error),
        },
    }
}

/// A deferred constraint would be checked at the commit of the caller's transaction, too late to say
/// anything helpful.
fn must_look_first(db: &impl Executor, planned: &PlannedRestore) -> bool {
    let deferrable = |moved: &plan::Moved| {
        moved.table.defers_uniqueness || moved.table.outgoing.iter().any(|key| key.deferrable)
    };
    !db.is_pool() && planned.plan.tables.iter().any(deferrable)
}

pub(crate) fn restored(mut answer: Json) -> Result<Restored, Error> {
    let archival = archival::from_answer(answer["archival"].take())?;
    let understood = |error: serde_json::Error| Error::Catalog(error.to_string());
    answer["archival"] = serde_json::to_value(archival).map_err(understood)?;
    serde_json::from_value(answer).map_err(understood)
}

fn span(table: &DeclaredName) -> tracing::Span {
    tracing::info_span!(
        "restore",
        table = table.table,
        archival = tracing::field::Empty,
        rows = tracing::field::Empty,
        waiting = tracing::field::Empty,
    )
}

fn record(span: &tracing::Span, restored: &Restored) {
    span.record("archival", restored.archival.id);
    span.record("rows", restored.rows.values().sum::<u64>());
    span.record(
        "waiting",
        restored.waiting.iter().map(|w| w.rows).sum::<u64>(),
    );
    span.in_scope(|| tracing::debug!("restored"));
}

/// Keeps a plan made from the ledger for the next archival of the same tables.
pub(crate) fn keep(planned: &Arc<PlannedRestore>) {
    plan::remember(LEDGER, planned);
}
