use sea_orm::entity::prelude::*;
use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
#[sea_orm(table_name = "documents")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    pub lock_version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
