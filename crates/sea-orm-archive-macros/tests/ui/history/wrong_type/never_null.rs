use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
#[history(identity("tenant_id", "department_id"), bitemporal)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub tenant_id: Option<i64>,
    #[sea_orm(nullable)]
    pub department_id: i64,
    pub valid_from: Option<DateTimeUtc>,
    pub valid_to: Option<DateTimeUtc>,
    pub recorded_from: std::option::Option<DateTimeUtc>,
    pub recorded_to: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {
    fn has_a_history<E: sea_orm_archive::History<Time = DateTimeUtc>>() {}
    has_a_history::<Entity>();
}
