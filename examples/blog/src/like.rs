//! Likes of comments.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

/// A like.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "likes")]
#[archive(deleted_by = "i64")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The comment that is liked.
    pub comment_id: i64,
    /// The user who likes it.
    pub user_id: i64,
    /// When the user liked it.
    pub created_at: DateTimeUtc,
    /// The comment that is liked.
    #[sea_orm(belongs_to, from = "comment_id", to = "id")]
    pub comment: BelongsTo<super::comment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
