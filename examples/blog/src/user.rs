//! Who writes.

use sea_orm::entity::prelude::*;

/// A user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The name, unique.
    #[sea_orm(column_type = "Text", unique)]
    pub name: String,
    /// The address.
    #[sea_orm(column_type = "Text", nullable)]
    pub email: Option<String>,
    /// When the user came.
    pub created_at: DateTimeUtc,
    /// What the user wrote.
    #[sea_orm(has_many)]
    pub posts: HasMany<super::post::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
