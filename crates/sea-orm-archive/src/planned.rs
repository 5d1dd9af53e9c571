//! A plan with the statements written from it, made once and kept.

use std::any::TypeId;
use std::hash::{DefaultHasher, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::DatabaseExecutor;
use sea_orm_archive_postgres::emit;
use sea_orm_archive_postgres::emit::Roots;
use sea_orm_archive_postgres::model::{Basis, Plan, RestorePlan};

use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Executor, Sql, is_stale};
use crate::plan;
use crate::plan::Planning;

/// What `archive.run` is told: statements, the names that they are prepared under, which are repeated until they
/// settle, and what the last one moves.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    names: Vec<String>,
    statements: Vec<String>,
    settles: Vec<bool>,
    moving: String,
}

impl Steps {
    /// Steps, each with whether it is repeated; `moving` is empty where nothing moves.
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

    /// Writes the call of `archive.run` with these steps and the arguments that the query `args` answers.
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

/// What every step is told: its arguments, the time of the move, the id of the (first) archival, and who acts.
const PARAMETERS: &str = "pg_catalog.jsonb, timestamp with time zone, bigint, pg_catalog.text";

/// The same for the same statement. Where two statements have one name, the second replaces the first: `archive.run`
/// compares the texts.
fn prepared_name(sql: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(sql.as_bytes());
    format!("archive_{:016x}", hasher.finish())
}

/// All that an entity's archives and restores run.
#[derive(Debug)]
pub(crate) struct Planned {
    pub plan: Plan,
    pub one: Steps,
    pub many: Steps,
    pub preview: Steps,
    pub restore: Arc<PlannedRestore>,
}

/// All that a restore runs.
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

/// Where the plans of restores by archival are kept.
pub(crate) const RESTORES: &str = "archive.archival";

/// The plans of an entity's archives.
pub(crate) struct Archives<E>(PhantomData<E>);

impl<E: Archivable> Planning for Archives<E> {
    type Plan = Planned;

    fn key() -> String {
        format!("{:?}", TypeId::of::<E>())
    }

    fn basis(plan: &Planned) -> &Basis {
        &plan.plan.basis
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

    /// What this entity archives can be restored by the archival, too.
    fn made(plan: &Arc<Planned>) {
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
