//! Tables under tenancy, archived and audited.

use sea_orm_archive::check;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Tenancy, TenancySchema};
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity, moves};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive)] post "posts" {
    pub org_id: i64,
    pub title: String,
    pub secret: Option<String>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub comments: HasMany<super::comment::Entity>,
});
entity!(#[derive(DeriveArchive)] comment "comments" {
    pub org_id: i64,
    pub post_id: i64,
    #[sea_orm(belongs_to, from = "post_id", to = "id")]
    pub post: BelongsTo<super::post::Entity>,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "tenants"
    }

    fn tables(&self) -> &'static str {
        "create table posts (id bigint primary key, org_id bigint not null, title text not null, secret text);
         create table comments (id bigint primary key, org_id bigint not null, post_id bigint not null references posts on delete cascade)"
    }

    fn rows(&self) -> &'static str {
        "set app.current_tenant = '1'; insert into posts values (1, 1, 'one', 'x'), (2, 1, 'two', null); insert into comments values (1, 1, 1)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in ["posts", "comments"] {
            manager.archive_existing_table(table).await?;
        }
        for table in ["posts", "comments"] {
            manager.audit_table(table).await?;
            manager
                .enable_tenancy(Tenancy::new(table, "org_id").administrator("postgres"))
                .await?;
        }
        manager.attribute_to_tenants().await.map(drop)
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, post::Entity, 1);
        recorder.section("check").await;
        check(recorder.db()).await.unwrap();
        recorder.section("").await;
    }
}
