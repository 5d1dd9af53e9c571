//! The schemas, each with the migrations and calls that its snapshot records.

use sea_orm_migration::{DbErr, SchemaManager};

use crate::recorder::Recorder;

pub mod audited;
pub mod composite;
pub mod computed;
pub mod detach;
pub mod guarded;
pub mod history;
pub mod partitioned;
pub mod quoted;
pub mod shared_child;
pub mod stamped;
pub mod tenants;
pub mod tree;

/// A small schema.
pub trait Schema {
    /// The name of its snapshot and of its database.
    fn name(&self) -> &'static str;

    /// SQL that creates its tables.
    fn tables(&self) -> &'static str;

    /// SQL that inserts its rows.
    fn rows(&self) -> &'static str;

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr>;

    async fn call(&self, recorder: &Recorder);
}

/// An entity with a `bigint` key and these columns.
macro_rules! entity {
    ($(#[$attribute:meta])* $name:ident $table:literal { $($fields:tt)* }) => {
        #[allow(dead_code, unused_imports)]
        pub mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

            #[sea_orm::model]
            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            $(#[$attribute])*
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                $($fields)*
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}
pub(crate) use entity;

/// Archives and restores the row with this key with every kind of call.
macro_rules! moves {
    ($recorder:expr, $entity:ty, $key:expr) => {{
        use sea_orm_archive::prelude::*;
        let (recorder, db) = ($recorder, $recorder.db());
        recorder.section("archive_by_id").await;
        <$entity>::archive_by_id($key).exec(db).await.unwrap();
        recorder.section("restore_by_id").await;
        <$entity>::restore_by_id($key).exec(db).await.unwrap();
        recorder.section("archive_many").await;
        let archivals = <$entity>::archive_many().exec(db).await.unwrap();
        recorder.section("restore of an archival").await;
        archivals[0].restore(db).await.unwrap();
        recorder.section("previews").await;
        <$entity>::archive_by_id($key).preview(db).await.unwrap();
        for archival in &archivals[1..] {
            let restore = sea_orm_archive::archival::Entity::restore_by_id(archival.id);
            restore.preview(db).await.unwrap();
        }
        recorder.section("").await;
    }};
}
pub(crate) use moves;
