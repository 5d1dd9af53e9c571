use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "attachments")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub ticket_id: Option<i64>,
    pub name: String,
    #[sea_orm(belongs_to, from = "ticket_id", to = "id")]
    pub ticket: BelongsTo<Option<super::ticket::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
