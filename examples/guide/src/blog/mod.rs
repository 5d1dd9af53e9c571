//! The blog that most pages are about.

pub mod comment;
pub mod post;
pub mod user;

use sea_orm::{ActiveValue::Set, DatabaseConnection, entity::prelude::*};
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

pub struct CreateBlog;

impl MigrationName for CreateBlog {
    fn name(&self) -> &str {
        "m20260101_000001_create_blog"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateBlog {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.install_archive().await?;
        let users = Table::create()
            .table("users")
            .col(big_pk_auto("id"))
            .col(text("name"))
            .to_owned();
        manager.create_table(users).await?;
        manager
            .create_archived_table(
                Table::create()
                    .table("posts")
                    .col(big_pk_auto("id"))
                    .col(big_integer("author_id"))
                    .col(text("title"))
                    .col(text_uniq("slug"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("posts", "author_id")
                            .to("users", "id"),
                    ),
            )
            .await?;
        manager
            .create_archived_table(
                Table::create()
                    .table("comments")
                    .col(big_pk_auto("id"))
                    .col(big_integer("post_id"))
                    .col(text("content"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("comments", "post_id")
                            .to("posts", "id"),
                    ),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_archived_table("comments").await?;
        manager.drop_archived_table("posts").await?;
        manager
            .drop_table(Table::drop().table("users").to_owned())
            .await?;
        manager.uninstall_archive().await
    }
}

/// Creates the blog with a user, Ann, and two posts with two comments each.
pub async fn fill(db: &DatabaseConnection) -> Result<(), DbErr> {
    crate::up(db, &CreateBlog).await?;
    let user = user::ActiveModel {
        name: Set("Ann".to_owned()),
        ..Default::default()
    };
    let user = user.insert(db).await?;
    for slug in ["first", "second"] {
        let post = post::ActiveModel {
            author_id: Set(user.id),
            title: Set(format!("The {slug} post")),
            slug: Set(slug.to_owned()),
            ..Default::default()
        };
        let post = post.insert(db).await?;
        for content in ["Yes", "No"] {
            let comment = comment::ActiveModel {
                post_id: Set(post.id),
                content: Set(content.to_owned()),
                ..Default::default()
            };
            comment.insert(db).await?;
        }
    }
    Ok(())
}
