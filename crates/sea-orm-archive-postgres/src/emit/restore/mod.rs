//! The statements that restore an archival: one, or where triggers may change what is restored, several.

mod moving;
mod verify;

use super::{Kind, Roots, Step};
use crate::model::RestorePlan;

pub use moving::is_planned;
pub use verify::{proof, rehearsal};

/// The statements of one restore, in order. Without triggers of the application it is one.
pub fn steps(plan: &RestorePlan, which: Roots) -> Vec<Step> {
    if plan.acting().is_empty() {
        let moving = moving::moving(plan, &moving::answer(plan, which), which);
        return vec![Step::new(Kind::Moves, moving)];
    }
    verify::steps(plan, which)
}
