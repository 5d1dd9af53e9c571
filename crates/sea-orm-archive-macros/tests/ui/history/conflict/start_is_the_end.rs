//! The error is on the name that was written, not on the field with the default name.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
#[history(identity = "department_id", valid_from = "valid_to")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub department_id: i64,
    pub valid_to: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
