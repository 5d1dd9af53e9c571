//! The audit log: who changed which row, when, and from what to what.

pub(crate) mod apply;
pub(crate) mod column;
pub(crate) mod function;
pub(crate) mod install;
pub(crate) mod options;
pub(crate) mod partition;
pub(crate) mod register;

pub use options::AuditedTable;

pub(crate) use apply::{forget_dropped, refresh};
