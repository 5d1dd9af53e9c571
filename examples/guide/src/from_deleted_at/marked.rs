use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "articles")]
#[archive(
    deleted_by = "i64",
    deleted_at_column = "archived_at",
    deleted_by_column = "archived_by"
)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub slug: String,
    pub deleted_at: Option<DateTimeUtc>,
    pub deleted_by: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
