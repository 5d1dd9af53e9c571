//! A plan with the statements written from it, made once and kept.

use std::any::TypeId;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::Error;
use crate::begin::begin;
use crate::catalog;
use crate::entity::Archivable;
use crate::error;
use crate::plan::{self, Plan, RestorePlan};
use crate::run::{finish, is_pool, is_stale};
use crate::sql::{self, Roots};

/// Steps of `archive.run`, with the flags of those that are repeated until settled.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    pub sql: Vec<String>,
    pub settles: Vec<bool>,
}

impl From<Vec<(String, bool)>> for Steps {
    fn from(steps: Vec<(String, bool)>) -> Self {
        let (sql, settles) = steps.into_iter().unzip();
        Self { sql, settles }
    }
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
        Self {
            steps: vec![(sql::restore::moving(&plan), false)].into(),
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
    C: ConnectionTrait + TransactionTrait + 'static,
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
    C: ConnectionTrait + TransactionTrait + 'static,
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
    C: ConnectionTrait + TransactionTrait + 'static,
{
    // An error while reading would abort a transaction of the caller's: it is nested.
    let plan = if is_pool::<C>() {
        plan::build(db, E::declaration()).await?
    } else {
        let nested = begin(db).await?;
        let plan = plan::build(&nested, E::declaration()).await;
        finish(nested, plan).await?
    };
    let planned = Arc::new(Planned {
        one: sql::archive::steps(&plan, Roots::One).into(),
        many: sql::archive::steps(&plan, Roots::Many).into(),
        preview: vec![(sql::preview::statement(&plan), false)].into(),
        restore: Arc::new(RestorePlan::from(&plan).into()),
        plan,
    });
    plan::remember(&name::<E>(), &planned);
    // What this entity archives can be restored by the archival, too.
    plan::remember(LEDGER, &planned.restore);
    Ok(planned)
}
