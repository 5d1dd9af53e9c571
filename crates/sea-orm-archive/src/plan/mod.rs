//! Builds plans: what the catalog describes, joined with what the entities declare.
//!
//! A plan is built once and cached with the fingerprint of its tables. Each moving statement contains that
//! fingerprint and is refused where the tables have changed since; then the plan is built again.

mod build;
mod cache;
mod registration;
mod restore;

pub(crate) use build::build;
pub(crate) use cache::{Planning, cache, cached, planned, replanned};
pub(crate) use restore::from_record;
