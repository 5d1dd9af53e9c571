//! Purging: deletes archived rows for good.

mod archival;
mod call;
mod expired;
mod found;
mod many;

pub use archival::PurgeArchival;
pub use expired::{PurgeExpired, PurgeExpiredBatches};
pub use many::{PurgeArchivalBatches, PurgeArchivals, PurgeBatches, PurgeMany};
