//! The archive table of a table: created, changed together with it, and dropped.

pub(crate) mod alter;
pub(crate) mod create;
pub(crate) mod follow;
pub(crate) mod index;
pub(crate) mod options;
pub(crate) mod partition;
pub(crate) mod privileges;
pub(crate) mod register;
pub(crate) mod remove;
pub(crate) mod sequence;
pub(crate) mod sync;
pub(crate) mod verbs;

pub use options::{ArchivedTable, ExistingTable};
pub use remove::DroppedTable;
