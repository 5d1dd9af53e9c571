//! The names of countries over time.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

/// A version: the name of a country during a period.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "country_history")]
#[history(identity = "country_id", recorded_by = "decided_by")]
pub struct Model {
    /// The id of the version, which this example does not use.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The country.
    pub country_id: i32,
    /// The name.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// The first day with this name.
    pub valid_from: Date,
    /// The first day without this name. `None` while the name is still valid.
    pub valid_to: Option<Date>,
    /// Who or what decided the name.
    #[sea_orm(column_type = "Text", nullable)]
    pub decided_by: Option<String>,
    /// The country.
    #[sea_orm(belongs_to, from = "country_id", to = "id")]
    pub country: BelongsTo<super::country::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
