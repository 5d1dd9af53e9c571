//! Valid-time history: which values an identity had, and when.
//!
//! The rows of a history table are versions. A version contains the values of an identity from `valid_from`
//! until just before `valid_to`, which is NULL for a version without an end. Times are `timestamptz`, in
//! microseconds, or `date`. [`HistoryEntity`] has the verbs:
//!
//! ```no_run
//! mod department_history {
//!     use sea_orm::entity::prelude::*;
//!     use sea_orm_archive::DeriveHistory;
//!
//!     #[sea_orm::model]
//!     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
//!     #[sea_orm(table_name = "department_history")]
//!     #[history(identity = "department_id")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i64,
//!         pub department_id: i64,
//!         pub name: String,
//!         pub valid_from: DateTimeUtc,
//!         pub valid_to: Option<DateTimeUtc>,
//!     }
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! use department_history::{Column, Entity as Names};
//! use sea_orm::entity::prelude::*;
//! use sea_orm_archive::prelude::*;
//!
//! # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
//! # let (march, june): (DateTimeUtc, DateTimeUtc) = Default::default();
//! Names::start(1).value(Column::Name, "Engineering").exec(&db).await?;
//! Names::change(1).value(Column::Name, "R & D").exec(&db).await?; // from now on
//! Names::change(1).value(Column::Name, "Lab").during(march..june).exec(&db).await?;
//! Names::end(1).at(june).exec(&db).await?;
//!
//! let then = Names::find_version_at(1, march).one(&db).await?;
//! let all = Names::find_valid_at(march).filter(Column::Name.starts_with("R")).all(&db).await?;
//! let renames = Names::find_changes(Column::Name).from_value("Engineering").all(&db).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A write is one transaction, or a savepoint in a transaction of the caller. The first statement locks the row
//! of the identity `FOR NO KEY UPDATE`. The second reads the clock, locks the versions, and writes. Few verbs
//! need a third: [`ChangeDuring`] merges neighbours and reads the result, and where nothing had to be written
//! the versions are read. The number of statements does not depend on the number of rows.
//!
//! A transaction that writes versions without these verbs must lock the identity, too. If it does not, a verb
//! that meets it fails with a serialization failure, and on a pool is retried.

mod change;
mod changes;
mod close_and_open;
mod coalesce;
mod entity;
mod identity;
mod join;
mod lifecycle;
mod names;
mod pieces;
mod plan;
mod read;
mod recorded_at;
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
