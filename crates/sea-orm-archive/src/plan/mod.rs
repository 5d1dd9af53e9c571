//! Makes plans: what the catalog describes, joined with what the entities declare.
//!
//! A plan is made once and cached, with the fingerprint of the tables it was made from. Each moving statement carries that
//! fingerprint and refuses to run over tables that have changed since; then the plan is made again.

mod build;
mod cache;
mod registration;
mod restore;

pub(crate) use build::build;
pub(crate) use cache::{Planning, cache, cached, planned, replanned};
pub(crate) use restore::from_record;
