use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
#[history(identity = "valid_from", valid_to = "recorded_by", recorded_by = "recorded_by")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub valid_from: DateTimeUtc,
    pub recorded_by: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
