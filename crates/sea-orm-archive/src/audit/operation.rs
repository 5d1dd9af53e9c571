//! The operation that an entry of the audit log records.

use sea_orm::entity::prelude::*;

use crate::decode;

/// What was done to a row.
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
pub enum Operation {
    /// It was inserted.
    #[sea_orm(string_value = "INSERT")]
    Insert,
    /// It was updated.
    #[sea_orm(string_value = "UPDATE")]
    Update,
    /// It was deleted for good.
    #[sea_orm(string_value = "DELETE")]
    Delete,
    /// It was removed by a TRUNCATE of its table.
    #[sea_orm(string_value = "TRUNCATE")]
    Truncate,
    /// It was archived.
    #[sea_orm(string_value = "ARCHIVE")]
    Archive,
    /// It was restored.
    #[sea_orm(string_value = "RESTORE")]
    Restore,
}

decode::as_sea_orm_does!(Operation);
