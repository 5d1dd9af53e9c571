//! What one request or transaction changed, undone by the audit log.

mod apply;
mod current;
mod group;
mod net;
mod order;
mod plan;
mod step;
mod values;

pub(crate) use apply::{apply, rehearse};
pub(crate) use plan::plan;
pub(crate) use step::steps_json;
