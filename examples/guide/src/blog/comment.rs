use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "comments")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub post_id: i64,
    pub content: String,
    #[sea_orm(belongs_to, from = "post_id", to = "id")]
    pub post: BelongsTo<super::post::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
