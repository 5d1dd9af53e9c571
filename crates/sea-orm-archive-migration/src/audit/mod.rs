//! The audit log: who changed which row, when, and from what to what.

mod apply;
mod column;
mod function;
mod install;
mod options;
mod partition;
pub(crate) mod register;
mod schema;

pub use options::AuditedTable;
pub use schema::AuditSchema;

pub(crate) use apply::{forget_dropped, refresh};
