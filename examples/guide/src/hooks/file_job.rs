//! A file that a job of the application removes.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file_jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file: String,
}

impl ActiveModelBehavior for ActiveModel {}
