//! Plans are cached: reading the catalog costs more than a small move.
//!
//! A process may use several databases, or several schemas of one. A plan does not record which of them it
//! belongs to. A statement that runs on other tables than those of its plan fails before any row moves; then
//! another cached plan is used, or a new one is built.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sea_orm::DatabaseExecutor;
use sea_orm_archive_postgres::model::Freshness;
use sea_orm_archive_postgres::sqlstate;

use crate::catalog;
use crate::error::{self, Error};
use crate::exec::{Executor, begin, finish};

/// The plans under each key, the most recent first.
type Plans = HashMap<String, Vec<Arc<dyn Any + Send + Sync>>>;

static PLANS: LazyLock<Mutex<Plans>> = LazyLock::new(Mutex::default);

/// The number of plans under one key: a program that uses more databases in turn plans again at each call.
const CACHED: usize = 8;

/// A kind of plan for an entity.
pub(crate) trait Planning {
    type Plan: Any + Send + Sync;

    /// The key in the cache. Two entities of a program may have the same name; their types differ.
    fn key() -> String;

    fn freshness(plan: &Self::Plan) -> &Freshness;

    /// Reads the catalog and builds a plan.
    fn read(db: &DatabaseExecutor<'_>) -> impl Future<Output = Result<Self::Plan, Error>> + Send;

    /// Called with each plan that was built.
    fn created(_plan: &Arc<Self::Plan>) {}
}

/// The plans that are cached under this key, the most recent first.
pub(crate) fn cached<P: Any + Send + Sync>(key: &str) -> Vec<Arc<P>> {
    let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let cached = plans.get(key).map(Vec::as_slice).unwrap_or_default();
    let plans = cached.iter().map(Arc::clone);
    plans.filter_map(|plan| plan.downcast().ok()).collect()
}

/// Caches a plan as the most recent one under this key.
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
        None => build::<P>(db).await,
    }
}

/// The plan for the tables as they are now, after an error that a stale plan may have caused; `None` where
/// `old` is not stale, so that planning again would change nothing.
pub(crate) async fn replanned<P: Planning>(
    db: &impl Executor,
    old: &P::Plan,
    error: &Error,
) -> Result<Option<Arc<P::Plan>>, Error> {
    let old = P::freshness(old);
    let now = fingerprint(db, &old.names).await?;
    if now == old.fingerprint && error::code(error) != Some(sqlstate::STALE_PLAN) {
        return Ok(None);
    }
    // The cache may have the plan already, where this process uses several schemas.
    let same = |plan: &Arc<P::Plan>| {
        let freshness = P::freshness(plan);
        freshness.fingerprint == now && freshness.names == old.names && now != old.fingerprint
    };
    match cached(&P::key()).into_iter().find(same) {
        Some(plan) => {
            cache(&P::key(), &plan);
            Ok(Some(plan))
        }
        None => build::<P>(db).await.map(Some),
    }
}

/// Reads the fingerprint, in a transaction of the caller within a savepoint: an error would abort the transaction.
async fn fingerprint(db: &impl Executor, names: &[String]) -> Result<i64, Error> {
    if db.is_pool() {
        return catalog::fingerprint(db, names).await;
    }
    let nested = begin(db).await?;
    let fingerprint = catalog::fingerprint(&nested, names).await;
    finish(nested, fingerprint).await
}

/// Builds a plan and caches it, in a transaction of the caller within a savepoint.
async fn build<P: Planning>(db: &impl Executor) -> Result<Arc<P::Plan>, Error> {
    let plan = if db.is_pool() {
        P::read(&db.executor()).await?
    } else {
        let nested = begin(db).await?;
        let plan = P::read(&nested.executor()).await;
        finish(nested, plan).await?
    };
    let plan = Arc::new(plan);
    cache(&P::key(), &plan);
    P::created(&plan);
    Ok(plan)
}
