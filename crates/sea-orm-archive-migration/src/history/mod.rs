//! History tables, and the foreign keys to the version that was valid at a time.

pub(crate) mod constraint;
pub(crate) mod create;
pub(crate) mod extension;
pub(crate) mod fit;
pub(crate) mod foreign_key;
pub(crate) mod model;
pub(crate) mod options;
pub(crate) mod register;
pub(crate) mod remove;
pub(crate) mod split;
pub(crate) mod unsplit;

pub use foreign_key::TemporalForeignKey;
pub use options::{HistorySplit, HistoryTable};
