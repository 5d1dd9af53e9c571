//! The log: who moved to which country, and when.

use sea_orm::entity::prelude::*;

/// An entry of the log. It has the country and a day, and not what the country was called.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person_audit")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who moved.
    pub person_id: i32,
    /// To which country: it existed on that day, and the database sees to that.
    pub country_id: i32,
    /// Who wrote it down.
    pub changed_by: i32,
    /// When.
    pub changed_on: Date,
    /// Who moved.
    #[sea_orm(belongs_to, from = "person_id", to = "id")]
    pub person: BelongsTo<super::person::Entity>,
    /// To which country.
    #[sea_orm(belongs_to, from = "country_id", to = "id")]
    pub country: BelongsTo<super::country::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
