//! As sea-orm-cli generates it.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
#[sea_orm(table_name = "deleted_posts")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub title: String,
    pub deleted_at: DateTimeWithTimeZone,
    #[sea_orm(column_type = "Text", nullable)]
    pub deleted_by: Option<String>,
    pub archival_id: i64,
}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
