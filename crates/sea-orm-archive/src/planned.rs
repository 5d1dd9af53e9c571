//! A plan with the statements written from it, made once and kept.

use std::any::TypeId;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use crate::Error;
use crate::catalog;
use crate::entity::Archivable;
use crate::error;
use crate::exec::{Executor, begin};
use crate::exec::{Sql, finish, is_stale};
use crate::plan::{self, Plan, RestorePlan};
use crate::sql::{self, Roots};

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
        let moving = sql::moving(plan.tables.iter(), &plan.detached);
        Self {
            steps: Steps::new(vec![(sql::restore::moving(&plan), false)], moving),
            plan,
        }
    }
}

/// Where the plans of restores by archival are kept.
pub(crate) const LEDGER: &str = "archive.archival";

/// Two entities may have the same name in one program; their types differ.
fn name<E: Archivable>() -> String {
    format!("{:?}", TypeId::of::<E>())
}

/// The plan that worked last, or a new one.
pub(crate) async fn planned<E, C>(db: &C) -> Result<Arc<Planned>, Error>
where
    E: Archivable,
    C: Executor,
{
    match plan::remembered::<Planned>(&name::<E>()).into_iter().next() {
        Some(kept) => Ok(kept),
        None => build::<E, C>(db).await,
    }
}

/// The plan for the tables as they are now, after `old` proved to be of others; `None` where it is of
/// these, so that planning again would change nothing.
pub(crate) async fn replanned<E, C>(
    db: &C,
    old: &Planned,
    error: &Error,
) -> Result<Option<Arc<Planned>>, Error>
where
    E: Archivable,
    C: Executor,
{
    if !is_stale(error) {
        return Ok(None);
    }
    let basis = &old.plan.basis;
    let now = catalog::fingerprint(db, &basis.names).await?;
    if now == basis.fingerprint && error::code(error).as_deref() != Some(error::STALE) {
        return Ok(None);
    }
    let kept = plan::remembered::<Planned>(&name::<E>());
    let same = kept.into_iter().find(|kept| {
        kept.plan.basis.fingerprint == now
            && kept.plan.basis.names == basis.names
            && now != basis.fingerprint
    });
    match same {
        Some(kept) => {
            plan::remember(&name::<E>(), &kept);
            Ok(Some(kept))
        }
        None => build::<E, C>(db).await.map(Some),
    }
}

async fn build<E, C>(db: &C) -> Result<Arc<Planned>, Error>
where
    E: Archivable,
    C: Executor,
{
    // An error while reading would abort a transaction of the caller's: it is nested.
    let plan = if db.is_pool() {
        plan::build(db, E::declaration()).await?
    } else {
        let nested = begin(db).await?;
        let plan = plan::build(&nested, E::declaration()).await;
        finish(nested, plan).await?
    };
    let moving = sql::moving(plan.nodes.iter().map(|node| &node.moved), &plan.detached);
    let planned = Arc::new(Planned {
        one: Steps::new(sql::archive::steps(&plan, Roots::One), moving.clone()),
        many: Steps::new(sql::archive::steps(&plan, Roots::Many), moving),
        preview: Steps::new(vec![(sql::preview::statement(&plan), false)], String::new()),
        restore: Arc::new(RestorePlan::from(&plan).into()),
        plan,
    });
    plan::remember(&name::<E>(), &planned);
    // What this entity archives can be restored by the archival, too.
    plan::remember(LEDGER, &planned.restore);
    Ok(planned)
}
