//! Valid-time history: what was true of an identity, and when.
//!
//! The rows of a history table are versions: one says what was true of an identity from
//! `valid_from` until just before `valid_to`. [`HistoryEntity`] has the verbs.

mod change;
mod changes;
mod coalesce;
mod entity;
mod join;
mod lifecycle;
mod plan;
mod read;
mod schedule;
mod statement;
mod values;
mod verbs;
mod write;

use sea_orm::Value;

pub use change::{Change, ChangeDuring, Correct};
pub use changes::{Changed, Changes, Gaps};
pub use coalesce::Coalesce;
pub use entity::{Bitemporal, History, HistoryColumns, Period, RecordedColumns, ValidTime};
pub use join::JoinVersion;
pub use lifecycle::{End, Merge, MergeInto, Start};
pub use read::AsKnownAt;
pub use schedule::{Cancel, Reschedule};
pub use verbs::HistoryEntity;

/// The values of an identity, in the order of its columns.
fn identity_values<E: History>(identity: impl Into<E::Identity>) -> Vec<Value> {
    let identity: sea_orm::sea_query::ValueTuple = identity.into().into();
    identity.into_iter().collect()
}
