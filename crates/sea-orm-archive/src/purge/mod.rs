//! Purging: deletes archived rows for good.

mod archival;
mod call;

pub use archival::PurgeArchival;
