use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
#[history(identity("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"))]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub a: i64,
    pub b: i64,
    pub c: i64,
    pub d: i64,
    pub e: i64,
    pub f: i64,
    pub g: i64,
    pub h: i64,
    pub i: i64,
    pub j: i64,
    pub k: i64,
    pub l: i64,
    pub m: i64,
    pub valid_from: DateTimeUtc,
    pub valid_to: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
