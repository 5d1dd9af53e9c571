//! Runs statements on a pool, where each is a transaction of its own, or in a transaction of the caller.

mod begin;
mod executor;
mod reprepare;
mod retry;
mod statement;

pub(crate) use begin::begin;
pub use executor::Executor;
pub(crate) use reprepare::Repreparing;
pub(crate) use retry::{Attempts, is_stale};
pub(crate) use statement::{Sql, ask, ask_here, check_backend, finish, value_text};
