use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[archive(cascade)]
    pub author_id: i64,
    #[archive(deleted_by = "i64")]
    pub title: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
