//! A plan with the statements generated from it, cached together.

use std::any::TypeId;
use std::hash::{DefaultHasher, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::DatabaseExecutor;
use sea_orm_archive_postgres::emit;
use sea_orm_archive_postgres::emit::{Kind, Roots, Step};
use sea_orm_archive_postgres::model::{Freshness, Plan, RestorePlan};

use crate::entity::Archivable;
use crate::error::Error;
use crate::exec::{Executor, Sql, is_stale};
use crate::plan;
use crate::plan::Planning;

/// The arguments of `archive.run`: statements, the names that they are prepared under, how each of them runs, and
/// which tables they move.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    names: Vec<String>,
    statements: Vec<String>,
    kinds: Vec<&'static str>,
    moving: String,
}

impl Steps {
    /// `moving` is empty where nothing moves.
    pub fn new(steps: Vec<Step>, moving: String) -> Self {
        let names = steps.iter().map(|step| prepared_name(&step.sql));
        let names: Vec<_> = names.collect();
        let statements = names.iter().zip(&steps);
        Self {
            statements: statements
                .map(|(name, step)| match step.kind {
                    Kind::Compares | Kind::IfTrue | Kind::Command => step.sql.clone(),
                    _ => format!("PREPARE {name} ({PARAMETERS}) AS {}", step.sql),
                })
                .collect(),
            names,
            kinds: steps.iter().map(|step| step.kind.as_str()).collect(),
            moving,
        }
    }

    /// Writes the call of `archive.run` with these steps, and with the arguments that the query `args` returns.
    pub fn call(&self, sql: &mut Sql, args: &str) {
        let steps = self.bind(sql);
        sql.text = format!("SELECT archive.run({steps}, ({args})) AS result");
    }

    /// The same for a move that is also undone by the steps `back`, and this rolled back, to prove that it can be.
    pub fn call_proven(&self, back: &Self, sql: &mut Sql, args: &str) {
        let (steps, back) = (self.bind(sql), back.bind(sql));
        sql.text = format!("SELECT archive.run_proven({steps}, ({args}), {back}) AS result");
    }

    fn bind(&self, sql: &mut Sql) -> String {
        let kinds = self.kinds.iter().map(|kind| (*kind).to_owned());
        let bound = [
            sql.bind(self.names.clone()),
            sql.bind(self.statements.clone()),
            sql.bind(kinds.collect::<Vec<_>>()),
            sql.bind(self.moving.as_str()),
        ];
        bound.join(", ")
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
    pub one: ArchiveSteps,
    pub many: ArchiveSteps,
    pub preview: ArchiveSteps,
    pub archived_keys: ArchiveSteps,
    pub restore: Arc<PlannedRestore>,
}

/// The steps of an archive or of its preview.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveSteps {
    pub steps: Steps,
    /// The steps that prove that what was archived can be restored, where triggers or constraints could prevent that.
    pub proof: Option<Steps>,
}

/// The plan of a restore with its steps.
#[derive(Clone, Debug)]
pub(crate) struct PlannedRestore {
    pub plan: RestorePlan,
    pub one: Steps,
    pub many: Steps,
}

impl From<RestorePlan> for PlannedRestore {
    fn from(plan: RestorePlan) -> Self {
        let steps =
            |which| Steps::new(emit::restore::steps(&plan, which), emit::moving_back(&plan));
        Self {
            one: steps(Roots::One),
            many: steps(Roots::Many),
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
        let restore = RestorePlan::from(&plan);
        let needs_proof = !restore.acting().is_empty()
            || restore.has_unvalidated_constraint()
            || plan.has_acting_deletes();
        let archive = |which| ArchiveSteps {
            steps: Steps::new(emit::archive::steps(&plan, which), moving.clone()),
            proof: needs_proof.then(|| {
                let proof = emit::restore::proof(&restore, which);
                Steps::new(proof, emit::moving_back(&restore))
            }),
        };
        let reads = |step| ArchiveSteps {
            steps: Steps::new(vec![step], String::new()),
            proof: None,
        };
        Ok(Planned {
            one: archive(Roots::One),
            many: archive(Roots::Many),
            preview: reads(emit::preview::step(&plan)),
            archived_keys: reads(emit::preview::archived_keys(&plan)),
            restore: Arc::new(restore.into()),
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
