//! Fields without the default names must be named by options.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveHistory;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
#[sea_orm(table_name = "history")]
#[history(identity = "department_id")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub department_id: i64,
    pub starts: DateTimeUtc,
    pub ends: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}
