//! Posts.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

/// A post. An author can use a slug only once.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive(deleted_by = "i64")]
pub struct Model {
    /// The id. No other post gets it while this one is archived.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The title.
    #[sea_orm(column_type = "Text")]
    pub title: String,
    /// The title in a URL.
    #[sea_orm(column_type = "Text", unique_key = "author_slug")]
    pub slug: String,
    /// The text.
    #[sea_orm(column_type = "Text")]
    pub content: String,
    /// The user who wrote it.
    #[sea_orm(unique_key = "author_slug")]
    pub author_id: i64,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// The user who wrote it.
    #[sea_orm(belongs_to, from = "author_id", to = "id")]
    pub author: BelongsTo<super::user::Entity>,
    /// The comments on the post, which are archived with it.
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub comments: HasMany<super::comment::Entity>,
    /// The tags of the post. Its rows in `post_tags` are archived with it, the tags are not.
    #[sea_orm(has_many, via = "post_tag")]
    #[archive(cascade)]
    pub tags: HasMany<super::tag::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
