//! Tables of versions, and the foreign keys that point at the version valid at a time.

mod constraint;
mod create;
mod extension;
mod fit;
pub(crate) mod foreign_key;
mod model;
mod options;
pub(crate) mod register;
mod remove;
mod schema;
mod split;
mod unsplit;

pub use foreign_key::TemporalForeignKey;
pub use options::{HistorySplit, HistoryTable};
pub use schema::HistorySchema;
