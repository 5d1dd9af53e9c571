//! Tenancy: row-level security of every table that holds rows of a table under tenancy.

pub(crate) mod apply;
pub(crate) mod archivals;
pub(crate) mod attribute;
pub(crate) mod column;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod objects;
pub(crate) mod options;
pub(crate) mod register;
pub(crate) mod remove;
pub(crate) mod shared;
pub(crate) mod temporal;

pub use attribute::Attributed;
pub use options::Tenancy;

pub(crate) use apply::{lift_guards, refresh};
pub(crate) use log::follow as follow_in_log;
pub(crate) use objects::refresh_foreign_keys;
pub(crate) use remove::refuse_while_enabled;
pub(crate) use shared::{owner, protect as protect_shared, record_functions};
pub(crate) use temporal::refuse_unseen;
