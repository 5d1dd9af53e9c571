//! Names that need quotes, in a schema of their own, with added columns of other names.

use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, moves};
use crate::recorder::Recorder;

pub mod item {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "Web Shop", table_name = "Order \"Items\"")]
    #[archive(
        table_name = "old items",
        deleted_at_column = "gone at",
        deleted_by_column = "gone by",
        archival_id_column = "archival"
    )]
    pub struct Model {
        #[sea_orm(primary_key, column_name = "Item Id", auto_increment = false)]
        pub id: i64,
        #[sea_orm(column_name = "it's")]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "quoted"
    }

    fn tables(&self) -> &'static str {
        r#"create schema "Web Shop";
         create table "Web Shop"."Order ""Items""" ("Item Id" bigint primary key, "it's" text not null unique)"#
    }

    fn rows(&self) -> &'static str {
        r#"insert into "Web Shop"."Order ""Items""" values (1, 'a'), (2, 'b')"#
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        manager
            .archive_existing_table(
                ExistingTable::new(("Web Shop", "Order \"Items\""))
                    .archive_table("old items")
                    .deleted_at_column("gone at")
                    .deleted_by_column("gone by")
                    .archival_id_column("archival"),
            )
            .await
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, item::Entity, 1);
    }
}
