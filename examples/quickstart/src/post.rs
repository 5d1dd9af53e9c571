use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive(deleted_by = "i64")] // the type of your user ids
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    #[sea_orm(unique)]
    pub slug: String,
    #[sea_orm(has_many)]
    #[archive(cascade)] // the comments of a post are archived with it
    pub comments: HasMany<super::comment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
