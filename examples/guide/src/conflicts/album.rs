use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "albums")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub entries: HasMany<super::album_photo::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
