//! Comments on posts.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

/// A comment.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "comments")]
#[archive(deleted_by = "i64")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The post it is about.
    pub post_id: i64,
    /// The user who wrote it.
    pub author_id: i64,
    /// The text.
    #[sea_orm(column_type = "Text")]
    pub content: String,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// The post it is about.
    #[sea_orm(belongs_to, from = "post_id", to = "id")]
    pub post: BelongsTo<super::post::Entity>,
    /// The likes of the comment, which are archived with it.
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub likes: HasMany<super::like::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
