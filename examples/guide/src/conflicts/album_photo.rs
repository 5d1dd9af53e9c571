use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "album_photos")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub album_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub photo_id: i64,
    #[sea_orm(belongs_to, from = "album_id", to = "id")]
    pub album: BelongsTo<super::album::Entity>,
    #[sea_orm(belongs_to, from = "photo_id", to = "id")]
    pub photo: BelongsTo<super::photo::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
