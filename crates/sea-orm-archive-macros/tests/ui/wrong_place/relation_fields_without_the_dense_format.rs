use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub parent_id: Option<i64>,
    #[archive(cascade)]
    pub replies: HasMany<Entity>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
