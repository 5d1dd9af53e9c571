//! What an event records.

use sea_orm::entity::prelude::*;

use crate::decode;

/// What happened.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A tree was archived: its rows moved into their archive tables.
    #[sea_orm(string_value = "archived")]
    Archived,
    /// Archived rows were taken or copied from the archival `part_of` into one of their own, for a restore of a part, of some rows, or as
    /// new rows. They are still archived. The restore of them is an event of its own, in the same transaction.
    #[sea_orm(string_value = "split")]
    Split,
    /// An archival was restored: its rows moved back, except for those that wait for another parent.
    #[sea_orm(string_value = "restored")]
    Restored,
    /// An archival was purged: its rows were deleted from the archive tables for good.
    #[sea_orm(string_value = "purged")]
    Purged,
    /// A hold was placed.
    #[sea_orm(string_value = "held")]
    Held,
    /// A hold was released. The end of one at the time of its `until` is no event.
    #[sea_orm(string_value = "released")]
    Released,
    /// A person was erased.
    #[sea_orm(string_value = "erased")]
    Erased,
}

decode::as_sea_orm_does!(Kind);
