//! Restoring: moves exactly the rows of one archival back.

mod archival;
mod next;
mod one;
pub(crate) mod resolve;
mod target;

pub use archival::RestoreArchival;
pub use one::RestoreOne;
pub(crate) use target::Target;
