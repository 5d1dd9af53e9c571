//! Users.

use sea_orm::entity::prelude::*;

/// A user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The name, which is unique.
    #[sea_orm(column_type = "Text", unique)]
    pub name: String,
    /// The email address.
    #[sea_orm(column_type = "Text", nullable)]
    pub email: Option<String>,
    /// When the user registered.
    pub created_at: DateTimeUtc,
    /// The posts of the user.
    #[sea_orm(has_many)]
    pub posts: HasMany<super::post::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
