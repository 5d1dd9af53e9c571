//! A partitioned table, whose key contains the partition column.

use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, moves};
use crate::recorder::Recorder;

pub mod event {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "partitioned"
    }

    fn tables(&self) -> &'static str {
        "create table events (id bigint not null, year int not null, name text not null, primary key (id, year)) partition by list (year);
         create table events_2025 partition of events for values in (2025);
         create table events_2026 partition of events for values in (2026)"
    }

    fn rows(&self) -> &'static str {
        "insert into events values (1, 2025, 'a'), (2, 2026, 'b')"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        manager.archive_existing_table("events").await?;
        manager.audit_table("events").await
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, event::Entity, (1, 2025));
    }
}
