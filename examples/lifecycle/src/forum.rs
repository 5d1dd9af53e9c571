//! The forum: posts with comments.

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
        #[sea_orm(unique)]
        pub slug: String,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub comments: HasMany<super::comment::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod comment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DerivePersonalData};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DerivePersonalData)]
    #[sea_orm(table_name = "comments")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        pub author_id: Option<i64>,
        #[personal_data(constant = "[erased]")]
        pub text: String,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        #[personal_data(belongs_to)]
        pub author: BelongsTo<Option<super::member::Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod member {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "members")]
    #[personal_data(person)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(pseudonym, identifying)]
        pub email: String,
        #[personal_data(constant = "former member", identifying)]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Creates the forum, and says how long its deleted posts stay.
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
        manager.install_audit().await?;
        let members = Table::create()
            .table("members")
            .col(big_pk_auto("id"))
            .col(text_uniq("email"))
            .col(text("name"))
            .to_owned();
        manager.create_table(members).await?;
        manager
            .create_archived_table(
                Table::create()
                    .table("posts")
                    .col(big_pk_auto("id"))
                    .col(text_uniq("slug")),
            )
            .await?;
        manager
            .create_archived_table(
                Table::create()
                    .table("comments")
                    .col(big_pk_auto("id"))
                    .col(big_integer("post_id"))
                    .col(big_integer_null("author_id"))
                    .col(text("text"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("comments", "post_id")
                            .to("posts", "id"),
                    ),
            )
            .await?;
        manager.retain("posts", Retention::days(90)).await?;
        let court = Retention::forever().metadata(serde_json::json!({"court": true}));
        manager.retain("posts", court.named("court case")).await?;
        for table in ["members", "posts", "comments"] {
            manager.audit_table(table).await?;
        }
        for table in ["comments", "posts"] {
            manager.guard_table(table, Guard::catch()).await?;
        }
        manager.enable_events().await?;
        // What an erasure of a member replaces.
        manager.declare_personal_data_of::<member::Entity>().await?;
        manager.declare_personal_data_of::<comment::Entity>().await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.disable_events().await?;
        for table in ["posts", "comments"] {
            manager.drop_guard(table).await?;
        }
        for table in ["comments", "members"] {
            manager.drop_personal_data(table).await?;
        }
        for table in ["members", "posts", "comments"] {
            manager.unaudit_table(table).await?;
        }
        manager.drop_archived_table("comments").await?;
        manager.drop_archived_table("posts").await?;
        manager
            .drop_table(Table::drop().table("members").to_owned())
            .await?;
        manager.uninstall_audit().await?;
        manager.uninstall_archive().await
    }
}
