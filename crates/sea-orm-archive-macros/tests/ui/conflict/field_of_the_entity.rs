//! The entity has the field already, so the added field is named after its column, which is not an identifier.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive(deleted_at_column = "archived at")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub deleted_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
