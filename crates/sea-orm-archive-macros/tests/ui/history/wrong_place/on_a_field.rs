use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[history(identity)]
    pub department_id: i64,
    #[history(valid_from)]
    pub starts: DateTimeUtc,
    #[history]
    pub r#type: i64,
    pub valid_to: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
