use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "department_history")]
#[history(identity = "department_id")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub department_id: i64,
    pub name: String,
    pub valid_from: DateTimeUtc,
    pub valid_to: Option<DateTimeUtc>, // None: no end
}

impl ActiveModelBehavior for ActiveModel {}
