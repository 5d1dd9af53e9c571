//! Legal holds: what is kept from being deleted for good, why, by whom, and until when.
//!
//! A hold is placed on one archival, on one row, active or archived, or on a table. What it holds is not purged, whichever verb, retention rule
//! or migration would do it. A held archival is not restored either; a held row is archived and restored as before, and the hold
//! stays on it. Only a role with `grant_holds` places, releases and lists holds.
//!
//! ```no_run
//! # mod post {
//! #     use sea_orm::entity::prelude::*;
//! #     #[sea_orm::model]
//! #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
//! #     #[sea_orm(table_name = "posts")]
//! #     #[archive(deleted_by = "i64")]
//! #     pub struct Model {
//! #         #[sea_orm(primary_key)]
//! #         pub id: i64,
//! #     }
//! #     impl ActiveModelBehavior for ActiveModel {}
//! # }
//! use sea_orm::entity::prelude::*;
//! use sea_orm_archive::{archival, hold, prelude::*};
//!
//! # async fn holds(db: sea_orm::DatabaseConnection, later: DateTimeUtc) -> Result<(), Error> {
//! let on_row = post::Entity::hold_by_id(42, "case 17").by(7).exec(&db).await?;
//! let on_archival = archival::Entity::hold_by_id(3, "case 17").until(later).exec(&db).await?;
//! let on_table = post::Entity::hold_table("audit 2026").exec(&db).await?;
//!
//! for hold in hold::Entity::find().filter(hold::Column::ReleasedAt.is_null()).all(&db).await? {
//!     println!("{} {:?} {}", hold.id, hold.held_table, hold.reason);
//! }
//! hold::Entity::release_by_id(on_row.id, "case closed").by(7).exec(&db).await?;
//! # Ok(())
//! # }
//! ```

mod place;
mod release;

use ::sea_orm::entity::prelude::*;

pub use place::PlaceHold;
pub use release::ReleaseHold;

use crate::decode::{self, sea_orm};
use crate::error::{Error, unexpected_answer};

/// A hold: a row of `archive.hold`. It is in force until it is released, or until the time in `until`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "hold")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The archival that is held.
    pub archival_id: Option<i64>,
    /// The table that is held, or the table of the row that is, as `schema.table`: its name at that time.
    #[sea_orm(column_type = "Text", nullable)]
    pub held_table: Option<String>,
    /// The primary key of the row that is held, as an array of the texts of its values.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub held_key: Option<Json>,
    /// Whether the row is a person, and everything of the person is held.
    pub of_person: bool,
    /// Why.
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    /// When it was placed.
    pub placed_at: DateTimeUtc,
    /// Who placed it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub placed_by: Option<String>,
    /// When it ends, unless it is released before; `None` for a hold that ends with its release.
    pub until: Option<DateTimeUtc>,
    /// When it was released.
    pub released_at: Option<DateTimeUtc>,
    /// Who released it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub released_by: Option<String>,
    /// Why it was released.
    #[sea_orm(column_type = "Text", nullable)]
    pub release_reason: Option<String>,
    /// The tenant of the archivals that it holds; `None` where it holds those of every tenant.
    #[sea_orm(column_type = "Text", nullable)]
    pub tenant: Option<String>,
}

/// A hold has no relations of its own.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Ends the hold with this id. The reason is recorded.
    pub fn release_by_id(hold: i64, reason: impl Into<String>) -> ReleaseHold {
        ReleaseHold::new(hold, reason.into())
    }
}

/// A hold as `archive.hold_json` returns it.
#[derive(serde::Deserialize)]
struct Record {
    id: i64,
    archival_id: Option<i64>,
    held_table: Option<String>,
    held_key: Option<String>,
    of_person: bool,
    reason: String,
    placed_at: String,
    placed_by: Option<String>,
    until: Option<String>,
    released_at: Option<String>,
    released_by: Option<String>,
    release_reason: Option<String>,
    tenant: Option<String>,
}

fn from_answer(answer: Json) -> Result<Model, Error> {
    let record: Record = serde_json::from_value(answer).map_err(unexpected_answer)?;
    Ok(Model {
        id: record.id,
        archival_id: record.archival_id,
        held_table: record.held_table,
        held_key: record.held_key.as_deref().map(decode::json),
        of_person: record.of_person,
        reason: record.reason,
        placed_at: decode::time(&record.placed_at),
        placed_by: record.placed_by,
        until: record.until.as_deref().map(decode::time),
        released_at: record.released_at.as_deref().map(decode::time),
        released_by: record.released_by,
        release_reason: record.release_reason,
        tenant: record.tenant,
    })
}
