//! Valid-time history: what was true of an identity, and when.

mod entity;

pub use entity::{History, HistoryColumns, Period, RecordedColumns, ValidTime};
