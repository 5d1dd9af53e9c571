//! Archiving: moves a row and all rows below it into their archive tables.

mod execute;
mod explain;
mod hooked;
mod many;
mod one;
mod rehearse;
mod request;

pub use many::{ArchiveBatches, ArchiveMany};
pub use one::ArchiveOne;
