use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "notes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub org_id: i64,
    pub content: String,
}

impl ActiveModelBehavior for ActiveModel {}
