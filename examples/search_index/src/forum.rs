//! Posts with comments, and events of what happens to them.

use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

pub mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub comments: HasMany<super::comment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod comment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "comments")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        pub content: String,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Creates the forum, and lets the database write events.
pub struct CreateForum;

impl MigrationName for CreateForum {
    fn name(&self) -> &str {
        "m20260101_000001_create_forum"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateForum {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.install_archive().await?;
        let posts = Table::create()
            .table("posts")
            .col(big_pk_auto("id"))
            .col(text("title"))
            .to_owned();
        manager.create_archived_table(posts).await?;
        let post = ForeignKey::create()
            .from("comments", "post_id")
            .to("posts", "id")
            .to_owned();
        let comments = Table::create()
            .table("comments")
            .col(big_pk_auto("id"))
            .col(big_integer("post_id"))
            .col(text("content"))
            .foreign_key(&mut post.clone())
            .to_owned();
        manager.create_archived_table(comments).await?;
        manager.enable_events().await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.disable_events().await?;
        manager.drop_archived_table("comments").await?;
        manager.drop_archived_table("posts").await?;
        manager.uninstall_archive().await
    }
}
