//! Archiving: what `delete` does to one table, `archive` does to the tree.

mod execute;
mod explain;
mod many;
mod one;
mod request;

pub use many::ArchiveMany;
pub use one::ArchiveOne;
