//! Tags.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

/// A tag.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "tags")]
#[archive(deleted_by = "i64")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The name, which is unique.
    #[sea_orm(column_type = "Text", unique)]
    pub name: String,
    /// The posts with the tag. Its rows in `post_tags` are archived with it, the posts are not.
    #[sea_orm(has_many, via = "post_tag")]
    #[archive(cascade)]
    pub posts: HasMany<super::post::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
