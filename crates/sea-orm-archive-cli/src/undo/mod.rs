//! What one request or transaction changed, undone row by row by the audit log.

mod apply;
mod current;
mod net;
mod order;
mod plan;

pub(crate) use apply::{apply, rehearse};
pub(crate) use plan::{plan, steps_json};
