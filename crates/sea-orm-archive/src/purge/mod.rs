//! Purging: deletes archived rows for good.

mod archival;

pub use archival::PurgeArchival;
