use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "tickets")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub attachments: HasMany<super::attachment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
