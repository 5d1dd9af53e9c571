//! What one request or transaction changed, undone row by row by the audit log.

mod apply;
mod current;
mod group;
mod net;
mod order;
mod plan;
mod values;

pub(crate) use apply::{apply, rehearse};
pub(crate) use plan::{plan, steps_json};
