//! Plans are cached: reading the catalog costs more than a small move.
//!
//! A process may talk to several databases, or to several schemas of one. A plan does not say which
//! it belongs to; a statement that runs over other tables than its own says so before anything
//! moves, and the next plan is tried or made.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sea_orm::DatabaseExecutor;
use sea_orm_archive_postgres::model::Basis;
use sea_orm_archive_postgres::sqlstate;

use crate::catalog;
use crate::error::{self, Error};
use crate::exec::{Executor, begin, finish};

/// The most recent first, for each thing that is planned.
type Plans = HashMap<String, Vec<Arc<dyn Any + Send + Sync>>>;

static PLANS: LazyLock<Mutex<Plans>> = LazyLock::new(Mutex::default);

/// More than a few databases in turn make each call plan again; fewer cost nothing.
const CACHED: usize = 8;

/// A kind of plan for an entity.
pub(crate) trait Planning {
    type Plan: Any + Send + Sync;

    /// The name in the cache. Two entities may have the same name in one program; their types differ.
    fn key() -> String;

    fn basis(plan: &Self::Plan) -> &Basis;

    /// Reads the catalog and makes a plan.
    fn read(db: &DatabaseExecutor<'_>) -> impl Future<Output = Result<Self::Plan, Error>> + Send;

    /// Called with each plan that was made.
    fn made(_plan: &Arc<Self::Plan>) {}
}

/// The plans that are cached under this name, the most recent first.
pub(crate) fn cached<P: Any + Send + Sync>(key: &str) -> Vec<Arc<P>> {
    let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let cached = plans.get(key).map(Vec::as_slice).unwrap_or_default();
    let plans = cached.iter().map(Arc::clone);
    plans.filter_map(|plan| plan.downcast().ok()).collect()
}

/// Puts a plan in front.
pub(crate) fn cache<P: Any + Send + Sync>(key: &str, plan: &Arc<P>) {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let cached = plans.entry(key.to_owned()).or_default();
    let this: Arc<dyn Any + Send + Sync> = plan.clone();
    cached.retain(|other| !Arc::ptr_eq(other, &this));
    cached.insert(0, this);
    cached.truncate(CACHED);
}

/// The plan that worked last, or a new one.
pub(crate) async fn planned<P: Planning>(db: &impl Executor) -> Result<Arc<P::Plan>, Error> {
    match cached(&P::key()).into_iter().next() {
        Some(plan) => Ok(plan),
        None => make::<P>(db).await,
    }
}

/// The plan for the tables as they are now, after an error that may come from an old plan; `None` where `old` is of
/// these tables, so that planning again would change nothing.
pub(crate) async fn replanned<P: Planning>(
    db: &impl Executor,
    old: &P::Plan,
    error: &Error,
) -> Result<Option<Arc<P::Plan>>, Error> {
    let old = P::basis(old);
    let now = fingerprint(db, &old.names).await?;
    if now == old.fingerprint && error::code(error) != Some(sqlstate::STALE_PLAN) {
        return Ok(None);
    }
    // Perhaps of another schema that this process works in.
    let same = |plan: &Arc<P::Plan>| {
        let basis = P::basis(plan);
        basis.fingerprint == now && basis.names == old.names && now != old.fingerprint
    };
    match cached(&P::key()).into_iter().find(same) {
        Some(plan) => {
            cache(&P::key(), &plan);
            Ok(Some(plan))
        }
        None => make::<P>(db).await.map(Some),
    }
}

/// An error while reading would abort a transaction of the caller's: it is nested.
async fn fingerprint(db: &impl Executor, names: &[String]) -> Result<i64, Error> {
    if db.is_pool() {
        return catalog::fingerprint(db, names).await;
    }
    let nested = begin(db).await?;
    let fingerprint = catalog::fingerprint(&nested, names).await;
    finish(nested, fingerprint).await
}

/// The same holds here.
async fn make<P: Planning>(db: &impl Executor) -> Result<Arc<P::Plan>, Error> {
    let plan = if db.is_pool() {
        P::read(&db.executor()).await?
    } else {
        let nested = begin(db).await?;
        let plan = P::read(&nested.executor()).await;
        finish(nested, plan).await?
    };
    let plan = Arc::new(plan);
    cache(&P::key(), &plan);
    P::made(&plan);
    Ok(plan)
}
