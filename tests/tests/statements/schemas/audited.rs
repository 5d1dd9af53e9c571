//! Tables in the audit log, one of them with a redacted column.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, AuditedTable};
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity, moves};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive)] post "posts" {
    pub title: String,
    pub secret: Option<String>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub comments: HasMany<super::comment::Entity>,
});
entity!(#[derive(DeriveArchive)] comment "comments" {
    pub post_id: i64,
    #[sea_orm(belongs_to, from = "post_id", to = "id")]
    pub post: BelongsTo<super::post::Entity>,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "audited"
    }

    fn tables(&self) -> &'static str {
        "create table posts (id bigint primary key, title text not null, secret text);
         create table comments (id bigint primary key, post_id bigint not null references posts on delete cascade)"
    }

    fn rows(&self) -> &'static str {
        "insert into posts values (1, 'one', 'x'), (2, 'two', null); insert into comments values (1, 1)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in ["posts", "comments"] {
            manager.archive_existing_table(table).await?;
        }
        manager
            .audit_table(AuditedTable::new("posts").redact(["secret"]))
            .await?;
        manager.audit_table("comments").await?;
        Ok(())
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, post::Entity, 1);
        recorder.section("reads of the log").await;
        let db = recorder.db();
        post::Entity::find_audit_by_id(1).all(db).await.unwrap();
        post::Entity::find_changes_of(1, post::Column::Title)
            .all(db)
            .await
            .unwrap();
        post::Entity::find_as_of(1, sea_orm::prelude::DateTimeUtc::MAX_UTC)
            .one(db)
            .await
            .unwrap();
        recorder.section("").await;
    }
}
