//! Guards: nothing is deleted from a table past the archive.

mod apply;
mod function;
mod options;
mod register;

pub(crate) use apply::{guard, install, refresh, refresh_all, unguard};
pub use options::Guard;
pub(crate) use register::{forget, forget_dropped, refuse_guarded};
