//! A plan with the statements generated from it, cached together.

use std::any::TypeId;
use std::hash::{DefaultHasher, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::DatabaseExecutor;
use sea_orm_archive_postgres::emit;
use sea_orm_archive_postgres::emit::Roots;
use sea_orm_archive_postgres::model::{Freshness, Plan, RestorePlan};

use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Executor, Sql, is_stale};
use crate::plan;
use crate::plan::Planning;

/// The arguments of `archive.run`: statements, the names that they are prepared under, which of them are
/// repeated until their result does not change, and what the last one moves.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    names: Vec<String>,
    statements: Vec<String>,
    settles: Vec<bool>,
    moving: String,
}

impl Steps {
    /// Creates steps, each with whether it is repeated; `moving` is empty where nothing moves.
    fn new(steps: Vec<(String, bool)>, moving: String) -> Self {
        let (statements, settles): (Vec<_>, _) = steps.into_iter().unzip();
        let names: Vec<_> = statements.iter().map(|sql| prepared_name(sql)).collect();
        let statements = names.iter().zip(statements);
        Self {
            statements: statements
                .map(|(name, sql)| format!("PREPARE {name} ({PARAMETERS}) AS {sql}"))
                .collect(),
            names,
            settles,
            moving,
        }
    }

    /// Writes the call of `archive.run` with these steps, and with the arguments that the query `args` returns.
    pub fn call(&self, sql: &mut Sql, args: &str) {
        let names = sql.bind(self.names.clone());
        let statements = sql.bind(self.statements.clone());
        let settles = sql.bind(self.settles.clone());
        let moving = sql.bind(self.moving.as_str());
        sql.text = format!(
            "SELECT archive.run({names}, {statements}, {settles}, {moving}, ({args})) AS result"
        );
    }
}

/// The types of the parameters of each step: the arguments, the time of the move, the id of the (first) archival, and
/// the actor.
const PARAMETERS: &str = "pg_catalog.jsonb, timestamp with time zone, bigint, pg_catalog.text";

/// The name of a prepared statement, a hash of its text. Where two statements have the same name, the second replaces
/// the first: `archive.run` compares the texts.
fn prepared_name(sql: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(sql.as_bytes());
    format!("archive_{:016x}", hasher.finish())
}

/// The plan of an entity with the steps of its archives, previews and restores.
#[derive(Debug)]
pub(crate) struct Planned {
    pub plan: Plan,
    pub one: Steps,
    pub many: Steps,
    pub preview: Steps,
    pub restore: Arc<PlannedRestore>,
}

/// The plan of a restore with its steps.
#[derive(Clone, Debug)]
pub(crate) struct PlannedRestore {
    pub plan: RestorePlan,
    pub steps: Steps,
}

impl From<RestorePlan> for PlannedRestore {
    fn from(plan: RestorePlan) -> Self {
        let moving = emit::moving(plan.tables.iter(), &plan.detached);
        Self {
            steps: Steps::new(vec![(emit::restore::moving(&plan), false)], moving),
            plan,
        }
    }
}

/// The name in the cache under which the plans of restores by archival are.
pub(crate) const RESTORES: &str = "archive.archival";

/// The plans of an entity's archives.
pub(crate) struct Archives<E>(PhantomData<E>);

impl<E: Archivable> Planning for Archives<E> {
    type Plan = Planned;

    fn key() -> String {
        format!("{:?}", TypeId::of::<E>())
    }

    fn freshness(plan: &Planned) -> &Freshness {
        &plan.plan.freshness
    }

    async fn read(db: &DatabaseExecutor<'_>) -> Result<Planned, Error> {
        let plan = plan::build(db, E::declaration()).await?;
        let moving = emit::moving(plan.nodes.iter().map(|node| &node.moved), &plan.detached);
        Ok(Planned {
            one: Steps::new(emit::archive::steps(&plan, Roots::One), moving.clone()),
            many: Steps::new(emit::archive::steps(&plan, Roots::Many), moving),
            preview: Steps::new(
                vec![(emit::preview::statement(&plan), false)],
                String::new(),
            ),
            restore: Arc::new(RestorePlan::from(&plan).into()),
            plan,
        })
    }

    /// What this entity archives can also be restored by the id of the archival.
    fn created(plan: &Arc<Planned>) {
        plan::cache(RESTORES, &plan.restore);
    }
}

/// The plan that worked last, or a new one.
pub(crate) async fn planned<E: Archivable>(db: &impl Executor) -> Result<Arc<Planned>, Error> {
    plan::planned::<Archives<E>>(db).await
}

/// A new plan after an error of an old one; `None` where planning again would change nothing.
pub(crate) async fn replanned<E: Archivable>(
    db: &impl Executor,
    old: &Planned,
    error: &Error,
) -> Result<Option<Arc<Planned>>, Error> {
    match is_stale(error) {
        true => plan::replanned::<Archives<E>>(db, old, error).await,
        false => Ok(None),
    }
}
