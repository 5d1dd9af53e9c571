//! Restoring: exactly what one archival took comes back.

mod archival;
mod next;
mod one;
mod resolve;
mod target;

pub use archival::RestoreArchival;
pub use one::RestoreOne;
