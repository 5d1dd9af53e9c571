//! Restoring: moves exactly the rows of archivals back.

mod archival;
mod change;
mod check;
mod defer;
mod many;
mod next;
mod one;
mod parent_links;
mod parents;
mod part;
mod policies;
pub(crate) mod resolve;
mod ring;
mod selection;
mod target;
mod wanted;

pub use archival::RestoreArchival;
pub(crate) use many::is_one_of;
pub use many::{RestoreArchivals, RestoreBatches, RestoreMany};
pub use one::RestoreOne;
pub(crate) use target::call_many;
pub(crate) use wanted::Wanted;
