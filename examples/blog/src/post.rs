//! What is written.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

/// A post; an author uses a slug once.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive(deleted_by = "i64")]
pub struct Model {
    /// The id, for ever: no other post gets it while this one is archived.
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
    /// Who wrote it.
    #[sea_orm(unique_key = "author_slug")]
    pub author_id: i64,
    /// When.
    pub created_at: DateTimeUtc,
    /// The user who wrote it.
    #[sea_orm(belongs_to, from = "author_id", to = "id")]
    pub author: BelongsTo<super::user::Entity>,
    /// What was said of it: archived with it.
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub comments: HasMany<super::comment::Entity>,
    /// Its tags: the rows of `post_tags` are archived with it, the tags stay.
    #[sea_orm(has_many, via = "post_tag")]
    #[archive(cascade)]
    pub tags: HasMany<super::tag::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
