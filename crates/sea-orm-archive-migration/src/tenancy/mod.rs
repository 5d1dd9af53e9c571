//! Tenancy: row-level security of everything that holds rows of a table.

mod apply;
mod archivals;
mod attribute;
mod column;
mod history;
mod log;
mod objects;
mod options;
mod register;
mod remove;
mod schema;
mod shared;
mod temporal;

pub use attribute::Attributed;
pub use options::Tenancy;
pub use schema::TenancySchema;

pub(crate) use apply::{lift_guards, refresh};
pub(crate) use log::follow as follow_in_log;
pub(crate) use objects::refresh_foreign_keys;
pub(crate) use remove::refuse_while_enabled;
pub(crate) use shared::{keep_functions, owner, protect as protect_shared};
pub(crate) use temporal::refuse_unseen;
