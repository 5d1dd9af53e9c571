//! Archiving: what `delete` does to one table, `archive` does to the tree.

use std::marker::PhantomData;

use sea_orm::sea_query::{
    IntoCondition, IntoValueTuple, LockType, Order, PostgresQueryBuilder, Query, QueryBuilder,
    SelectStatement,
};
use sea_orm::{
    EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait, Value,
};
use serde_json::Value as Json;
use tracing::Instrument;

use crate::archival::{self, Model as Archival};
use crate::catalog::Form;
use crate::entity::Archivable;
use crate::equality::is_value;
use crate::error::{self, Error, postgres};
use crate::exec::{ATTEMPTS, Executor, Sql, actor_text, ask, back_off, check_backend};
use crate::lock::{AtVersion, OptimisticLock};
use crate::plan::Plan;
use crate::planned::{Planned, Steps, planned, replanned};
use crate::report::{ArchivePreview, Blocker};
use crate::sql::{exact, object, quote, resolved};
use crate::whereabouts::look;

/// Archives one row with everything below it. Made by [`ArchiveEntity::archive_by_id`].
///
/// [`ArchiveEntity::archive_by_id`]: crate::ArchiveEntity::archive_by_id
#[derive(Clone, Debug)]
#[must_use = "nothing is archived before `.exec(&db)`"]
pub struct ArchiveOne<E: Archivable> {
    key: Vec<Value>,
    request: Request<E>,
}

/// Archives every row that a filter finds, each with everything below it and as an archival of its
/// own. Made by [`ArchiveEntity::archive_many`].
///
/// [`ArchiveEntity::archive_many`]: crate::ArchiveEntity::archive_many
#[derive(Clone, Debug)]
#[must_use = "nothing is archived before `.exec(&db)`"]
pub struct ArchiveMany<E: Archivable> {
    request: Request<E>,
}

/// Which roots, and what the ledger shall say of them.
#[derive(Clone, Debug)]
struct Request<E: Archivable> {
    entity: PhantomData<E>,
    roots: SelectStatement,
    version: Option<AtVersion>,
    by: Option<String>,
    reason: Option<String>,
    metadata: Option<Json>,
}

impl<E: Archivable> Request<E> {
    fn new() -> Self {
        let mut roots = Query::select();
        for key in E::PrimaryKey::iter() {
            roots.column((E::default(), key.into_column()));
        }
        roots.from(E::default().table_ref());
        Self {
            entity: PhantomData,
            roots,
            version: None,
            by: None,
            reason: None,
            metadata: None,
        }
    }

    /// The call of `archive.run` for these roots.
    ///
    /// The roots are found and locked by this very statement, in the order of their keys, so that
    /// two archives that overlap come one after the other. The steps in the function see what was
    /// committed until then: each has a snapshot of its own.
    fn call(&self, plan: &Plan, steps: &Steps, lock: bool) -> Sql {
        let mut roots = self.roots.clone();
        if let Some(version) = &self.version {
            // A row that is locked is looked at again, as it is then.
            roots.and_where(version.holds::<E>());
        }
        if lock {
            for key in E::PrimaryKey::iter() {
                roots.order_by((E::default(), key.into_column()), Order::Asc);
            }
            roots.lock(LockType::Update);
        }
        let (roots, values) = roots.build(PostgresQueryBuilder);
        let mut sql = Sql {
            text: String::new(),
            values: values.0,
        };
        let by = sql.bind(self.by.clone());
        let reason = sql.bind(self.reason.clone());
        let metadata = sql.bind(self.metadata.clone());
        let key = key_of_root::<E>(plan);
        let args = format!(
            "SELECT pg_catalog.jsonb_build_object(\
             'roots', pg_catalog.jsonb_agg({key}), 'by', {by}::pg_catalog.text, 'reason', {reason}::pg_catalog.text, 'metadata', {metadata}::pg_catalog.jsonb) \
             FROM ({roots}) AS k HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AND {}",
            resolved(&plan.basis)
        );
        steps.call(&mut sql, &args);
        sql
    }
}

/// The key of a root `k` as the steps read it: exact, though it travels as JSON.
fn key_of_root<E: Archivable>(plan: &Plan) -> String {
    let form = |name: &str| {
        let column = plan.root().table.key.iter().find(|c| c.name == name);
        column.map_or(Form::Settings, |column| column.form)
    };
    let pairs: Vec<_> = key_columns::<E>()
        .into_iter()
        .map(|name| {
            let value = exact(form(&name), &format!("k.{}", quote(&name)));
            (name, value)
        })
        .collect();
    object(&pairs)
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

    /// Who archives it: `deleted_by` in the twins, `archived_by` in the ledger.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.request.by = actor_text(actor.into().into());
        self
    }

    /// Why, for the ledger.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.request.reason = Some(reason.into());
        self
    }

    /// Anything else for the ledger.
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
    /// #         pub version: i32,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # use sea_orm_archive::prelude::*;
    /// # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), ArchiveError> {
    /// note::Entity::archive_by_id(42).at_version(3).exec(&db).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The version is looked at by the statement that locks the row, so that a change which commits
    /// before the lock is had is noticed. Another version is an [`Error::VersionConflict`]. The rows
    /// below it may have any version.
    pub fn at_version(mut self, version: E::Version) -> Self
    where
        E: OptimisticLock,
    {
        self.request.version = Some(AtVersion::of::<E>(version));
        self
    }

    /// Moves the row and everything below it into the twins, and returns the ledger's row.
    ///
    /// One statement, one round trip, one transaction; in a transaction of the caller's a savepoint.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::AlreadyArchived`], [`Error::Blocked`],
    /// [`Error::UndeclaredEdge`], [`Error::Drift`], [`Error::Contention`], with
    /// [`at_version`](Self::at_version) also [`Error::VersionConflict`]: nothing has moved then.
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
        Err(restless::<E>(&self.key))
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
                Err(error.unwrap_or_else(|| restless::<E>(&self.key)))
            }
        }
    }

    /// Why this row could not be archived; `None` where it can be, now.
    async fn why_not<C>(&self, db: &C) -> Result<Option<Error>, Error>
    where
        C: Executor,
    {
        let found = look::<E, C>(db, &self.key).await?;
        match (
            found.why_not_archived::<E>(&self.key),
            &self.request.version,
        ) {
            (None, Some(version)) => version.conflict::<E, E, C>(db, &self.key).await,
            (error, _) => Ok(error),
        }
    }
}

impl<E: Archivable> ArchiveMany<E> {
    pub(crate) fn new() -> Self {
        Self {
            request: Request::new(),
        }
    }

    /// Which rows: as in `delete_many().filter(..)`. Several filters must all hold; none finds every
    /// row of the table.
    pub fn filter(mut self, filter: impl IntoCondition) -> Self {
        self.request.roots.cond_where(filter.into_condition());
        self
    }

    /// Who archives them: `deleted_by` in the twins, `archived_by` in the ledger.
    pub fn by(mut self, actor: impl Into<E::DeletedBy>) -> Self {
        self.request.by = actor_text(actor.into().into());
        self
    }

    /// Why, for the ledger.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.request.reason = Some(reason.into());
        self
    }

    /// Anything else for the ledger.
    pub fn metadata(mut self, metadata: Json) -> Self {
        self.request.metadata = Some(metadata);
        self
    }

    /// Moves all of them in one statement, and returns the ledger's row of each.
    ///
    /// A root that lies below another one (in a table that refers to itself) goes with that one. No
    /// match is no error: the answer is empty.
    ///
    /// # Errors
    ///
    /// As [`ArchiveOne::exec`]; all rows move, or none.
    pub async fn exec<C>(self, db: &C) -> Result<Vec<Archival>, Error>
    where
        C: Executor,
    {
        execute::<E, C>(db, &self.request, |planned| &planned.many).await
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
        Ok(preview::<E, C>(db, &self.request)
            .await?
            .unwrap_or_default())
    }
}

/// Runs the request until it is done, or its error will not go away by itself.
async fn execute<E, C>(
    db: &C,
    request: &Request<E>,
    steps: fn(&Planned) -> &Steps,
) -> Result<Vec<Archival>, Error>
where
    E: Archivable,
    C: Executor,
{
    check_backend(db)?;
    let span = tracing::info_span!(
        "archive",
        table = E::default().table_name(),
        archivals = tracing::field::Empty,
        first_archival = tracing::field::Empty,
        rows = tracing::field::Empty,
    );
    let work = async {
        let mut plan = planned::<E, C>(db).await?;
        for attempt in 1.. {
            let error = match ask(db, &request.call(&plan.plan, steps(&plan), true)).await {
                Ok(answer) => return archivals(answer),
                Err(error) if attempt >= ATTEMPTS => return Err(error),
                Err(error) => error,
            };
            if matches!(error, Error::Contention { .. }) && db.is_pool() {
                back_off(attempt).await;
            } else if let Some(new) = replanned::<E, C>(db, &plan, &error).await? {
                plan = new;
            } else if is_blocked(&error) {
                let table = plan.plan.root().table.id.to_string();
                if let Some(dependent) = error::refused_by_trigger(&table, &error) {
                    return Err(dependent);
                }
                let blockers = blockers::<E, C>(db, request).await?;
                if !blockers.is_empty() {
                    return Err(Error::Blocked { table, blockers });
                }
                if attempt >= LOOKS
                    && let Some(unseen) = unseen_child(&plan, &error)
                {
                    return Err(unseen);
                }
                // What was in the way is gone again.
                back_off(attempt).await;
            } else {
                return Err(key_archived(&plan, unfit_actor(&plan, error)));
            }
        }
        unreachable_attempts()
    };
    let archived = work.instrument(span.clone()).await?;
    record(&span, &archived);
    Ok(archived)
}

fn unreachable_attempts<T>() -> Result<T, Error> {
    Err(Error::Catalog("no attempt was made".to_owned()))
}

fn record(span: &tracing::Span, archived: &[Archival]) {
    let rows: u64 = archived.iter().flat_map(|a| a.rows().into_values()).sum();
    span.record("archivals", archived.len());
    span.record("rows", rows);
    if let Some(first) = archived.first() {
        span.record("first_archival", first.id);
    }
    span.in_scope(|| tracing::debug!("archived"));
}

fn archivals(answer: Option<Json>) -> Result<Vec<Archival>, Error> {
    match answer {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(records)) => {
            let records = records.into_iter().map(archival::from_answer);
            let mut archivals = records.collect::<Result<Vec<_>, _>>()?;
            archivals.sort_by_key(|archival| archival.id);
            Ok(archivals)
        }
        Some(other) => Err(Error::Catalog(format!("no list of records: {other}"))),
    }
}

/// A foreign key: the database found rows that point at the tree; AR003: our guard did.
fn is_blocked(error: &Error) -> bool {
    error::code(error).is_some_and(|code| error::is_foreign_key(&code) || code == error::RESTRICTED)
}

/// How often to look for what blocks an archive, before it is said to be something that nobody shows us.
const LOOKS: u32 = 3;

/// A foreign key whose rows row security hides: those of another tenant.
fn unseen_child(planned: &Planned, error: &Error) -> Option<Error> {
    let Error::Database(source) = error else {
        return None;
    };
    let constraint = postgres(source)?.constraint()?;
    let plan = &planned.plan;
    let nodes = plan.nodes.iter().flat_map(|node| {
        let parents = node.parents.iter().map(|parent| &parent.key);
        parents.chain(&node.loops)
    });
    let detached = plan.detached.iter().flat_map(|child| &child.edges);
    let mut keys = nodes
        .chain(detached.map(|edge| &edge.key))
        .chain(plan.restrictions.iter().map(|r| &r.key));
    let key = keys.find(|key| key.name == constraint && key.child.hides_rows)?;
    Some(Error::OtherTenant {
        table: key.child.to_string(),
    })
}

/// 22P02, 22003 and 22007: who acts cannot be read as the type of `deleted_by`. Nothing else is read from text
/// there.
fn unfit_actor(planned: &Planned, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    match postgres(source).filter(|e| matches!(e.code(), "22P02" | "22003" | "22007" | "22001")) {
        Some(e) => Error::Actor {
            table: planned.plan.root().table.id.to_string(),
            detail: e.message().to_owned(),
        },
        None => error,
    }
}

/// 23505: the key of an active row is taken in its twin. Nothing else is unique there.
fn key_archived(planned: &Planned, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    // A number of the ledger that somebody took by hand is none of the table's keys.
    match postgres(source).filter(|e| e.code() == "23505" && e.schema() != Some("archive")) {
        Some(e) => Error::KeyArchived {
            table: planned.plan.root().table.id.to_string(),
            constraint: e.constraint().unwrap_or_default().to_owned(),
            detail: e
                .detail()
                .unwrap_or_else(|| e.message())
                .trim_end_matches('.')
                .to_owned(),
        },
        None => error,
    }
}

async fn preview<E, C>(db: &C, request: &Request<E>) -> Result<Option<ArchivePreview>, Error>
where
    E: Archivable,
    C: Executor,
{
    check_backend(db)?;
    let mut plan = planned::<E, C>(db).await?;
    let answer = loop {
        match ask(db, &request.call(&plan.plan, &plan.preview, false)).await {
            Ok(answer) => break answer,
            Err(error) => match replanned::<E, C>(db, &plan, &error).await? {
                Some(new) => plan = new,
                None => return Err(error),
            },
        }
    };
    let Some(answer) = answer.filter(|answer| !answer.is_null()) else {
        return Ok(None);
    };
    let mut preview: ArchivePreview =
        serde_json::from_value(answer).map_err(|error| Error::Catalog(error.to_string()))?;
    preview.blocked.retain(|blocker| blocker.rows > 0);
    preview.detached.retain(|detachment| detachment.rows > 0);
    Ok(Some(preview))
}

async fn blockers<E, C>(db: &C, request: &Request<E>) -> Result<Vec<Blocker>, Error>
where
    E: Archivable,
    C: Executor,
{
    Ok(preview::<E, C>(db, request)
        .await?
        .unwrap_or_default()
        .blocked)
}

/// A row that was not there each time we came for it, and was each time we looked for it.
pub(crate) fn restless<E: Archivable>(key: &[Value]) -> Error {
    Error::Restless {
        table: E::declaration().table.quoted().replace('"', ""),
        key: key_text::<E>(key),
    }
}

/// A key, for messages.
pub(crate) fn key_text<E: EntityTrait>(key: &[Value]) -> String {
    let pairs: Vec<_> = key_columns::<E>()
        .into_iter()
        .zip(key)
        .map(|(name, value)| format!("{name} = {}", PostgresQueryBuilder.value_to_string(value)))
        .collect();
    format!("({})", pairs.join(", "))
}

/// The names of the columns of a primary key.
pub(crate) fn key_columns<E: EntityTrait>() -> Vec<String> {
    E::PrimaryKey::iter()
        .map(|key| key.into_column().as_str().to_owned())
        .collect()
}

/// The values of a primary key, in the order of its columns.
pub(crate) fn key_values<K: IntoValueTuple>(key: K) -> Vec<Value> {
    key.into_value_tuple().into_iter().collect()
}

/// The values of a model's primary key.
pub(crate) fn key_of<M: ModelTrait>(model: &M) -> Vec<Value> {
    <M::Entity as EntityTrait>::PrimaryKey::iter()
        .map(|key| model.get(key.into_column()))
        .collect()
}

/// The key type of an entity.
pub(crate) type Key<E> = <<E as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType;
