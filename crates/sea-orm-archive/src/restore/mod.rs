//! Restoring: moves exactly the rows of one archival back.

mod archival;
mod defer;
mod next;
mod one;
pub(crate) mod resolve;
mod ring;
mod target;

pub use archival::RestoreArchival;
pub use one::RestoreOne;
pub(crate) use target::Target;
