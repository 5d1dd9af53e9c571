//! Options name fields, not columns, and only fields that are columns.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
#[history(
    identity("tenant", "departmnt_id"),
    valid_from = "start",
    valid_to = "Until",
    recorded_by = "",
)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub tenant_id: i64,
    pub department_id: i64,
    #[sea_orm(column_name = "start")]
    pub starts: DateTimeUtc,
    #[sea_orm(enum_name = "Until")]
    pub ends: Option<DateTimeUtc>,
    #[sea_orm(ignore)]
    pub tenant: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
