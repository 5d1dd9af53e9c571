//! The log: who moved to which country, and when.

use sea_orm::entity::prelude::*;

/// An entry of the log. It contains the country and the day, but not the name of the country.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person_audit")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The person who moved.
    pub person_id: i32,
    /// The new country. The database checks that it has a version on that day.
    pub country_id: i32,
    /// The person who wrote the entry.
    pub changed_by: i32,
    /// The day of the move.
    pub changed_on: Date,
    /// The person who moved.
    #[sea_orm(belongs_to, from = "person_id", to = "id")]
    pub person: BelongsTo<super::person::Entity>,
    /// The new country.
    #[sea_orm(belongs_to, from = "country_id", to = "id")]
    pub country: BelongsTo<super::country::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
