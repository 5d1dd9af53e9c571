use sea_orm::entity::prelude::*;
use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
#[sea_orm(table_name = "customers")]
#[archive(deleted_by = "String")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    pub email: String,
    pub password_hash: String,
    pub last_seen_at: Option<DateTimeUtc>,
    pub lock_version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
