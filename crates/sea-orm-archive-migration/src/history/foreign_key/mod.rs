//! The temporal foreign key: a row refers to the version that was valid at its time.

mod create;
mod follow;
mod options;
mod register;
mod statement;

pub use options::TemporalForeignKey;

pub(crate) use create::{create, drop_one};
pub(crate) use follow::follow_renames;
pub(crate) use register::{forget_dropped, live, refuse_dependents};
