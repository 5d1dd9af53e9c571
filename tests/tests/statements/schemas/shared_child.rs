//! Two parents of one join table: its rows wait for both.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive)] post "posts" {
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub post_tags: HasMany<super::post_tag::Entity>,
});
entity!(#[derive(DeriveArchive)] tag "tags" {
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub post_tags: HasMany<super::post_tag::Entity>,
});
entity!(#[derive(DeriveArchive)] post_tag "post_tags" {
    pub post_id: i64,
    pub tag_id: i64,
    #[sea_orm(belongs_to, from = "post_id", to = "id")]
    pub post: BelongsTo<super::post::Entity>,
    #[sea_orm(belongs_to, from = "tag_id", to = "id")]
    pub tag: BelongsTo<super::tag::Entity>,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "shared_child"
    }

    fn tables(&self) -> &'static str {
        "create table posts (id bigint primary key);
         create table tags (id bigint primary key);
         create table post_tags (id bigint primary key, post_id bigint not null references posts, tag_id bigint not null references tags)"
    }

    fn rows(&self) -> &'static str {
        "insert into posts values (1); insert into tags values (1); insert into post_tags values (1, 1, 1)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in ["posts", "tags", "post_tags"] {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    }

    async fn call(&self, recorder: &Recorder) {
        let db = recorder.db();
        post::Entity::archive_by_id(1).exec(db).await.unwrap();
        tag::Entity::archive_by_id(1).exec(db).await.unwrap();
        recorder.section("restore of one parent").await;
        post::Entity::restore_by_id(1).exec(db).await.unwrap();
        recorder.section("restore of the other").await;
        tag::Entity::restore_by_id(1).exec(db).await.unwrap();
        recorder.section("").await;
    }
}
