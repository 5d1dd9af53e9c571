//! Plans are kept: reading the catalog costs more than a small move.
//!
//! A process may talk to several databases, or to several schemas of one. A plan does not say which
//! it belongs to; a statement that is run over other tables than its own says so before anything
//! moves, and the next plan is tried or made.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The most recent first, for each thing that is planned.
type Plans = HashMap<String, Vec<Arc<dyn Any + Send + Sync>>>;

static PLANS: LazyLock<Mutex<Plans>> = LazyLock::new(Mutex::default);

/// More than a few databases in turn make each call plan anew; fewer cost nothing.
const KEPT: usize = 8;

/// The plans kept for `what`, the most recent first.
pub(crate) fn remembered<P: Any + Send + Sync>(what: &str) -> Vec<Arc<P>> {
    let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = plans.get(what).map(Vec::as_slice).unwrap_or_default();
    kept.iter()
        .filter_map(|plan| Arc::clone(plan).downcast::<P>().ok())
        .collect()
}

/// Puts a plan in front.
pub(crate) fn remember<P: Any + Send + Sync>(what: &str, plan: &Arc<P>) {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = plans.entry(what.to_owned()).or_default();
    let this: Arc<dyn Any + Send + Sync> = plan.clone();
    kept.retain(|other| !Arc::ptr_eq(other, &this));
    kept.insert(0, this);
    kept.truncate(KEPT);
}
