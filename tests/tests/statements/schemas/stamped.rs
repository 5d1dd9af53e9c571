//! A stamped table with a lock version.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, StampSchema};
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity, moves};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive, DeriveOptimisticLock)] #[optimistic_lock(field = "version")] post "posts" {
    pub title: String,
    pub version: i32,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "stamped"
    }

    fn tables(&self) -> &'static str {
        "create table posts (id bigint primary key, title text not null, version int not null default 0)"
    }

    fn rows(&self) -> &'static str {
        "insert into posts values (1, 'one'), (2, 'two')"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        manager.archive_existing_table("posts").await?;
        manager.stamp_table("posts").await?;
        Ok(())
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, post::Entity, 1);
        recorder.section("at a version").await;
        let db = recorder.db();
        post::Entity::archive_by_id(1)
            .at_lock_version(0)
            .exec(db)
            .await
            .unwrap();
        post::Entity::restore_by_id(1)
            .at_lock_version(0)
            .exec(db)
            .await
            .unwrap();
        recorder.section("").await;
    }
}
