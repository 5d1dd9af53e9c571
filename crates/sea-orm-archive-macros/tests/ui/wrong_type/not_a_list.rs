//! Attributes that are not a list of options.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive]
#[archive = "i64"]
#[archive[deleted_by = "i64"]]
#[archive(, "i64", deleted_by =)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
