//! Creates users, posts, comments, likes and tags.

use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_pk_auto, text, text_uniq, timestamp_with_time_zone},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(users()).await?;
        manager.create_archived_table(posts()).await?;
        manager.create_archived_table(comments()).await?;
        manager.create_archived_table(likes()).await?;
        manager.create_archived_table(tags()).await?;
        manager.create_archived_table(post_tags()).await?;
        for index in foreign_key_indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_archived_table(PostTags::Table).await?;
        manager.drop_archived_table(Tags::Table).await?;
        manager.drop_archived_table(Likes::Table).await?;
        manager.drop_archived_table(Comments::Table).await?;
        manager.drop_archived_table(Posts::Table).await?;
        manager
            .drop_table(Table::drop().table(Users::Table).if_exists().to_owned())
            .await
    }
}

fn users() -> TableCreateStatement {
    Table::create()
        .table(Users::Table)
        .if_not_exists()
        .col(big_pk_auto(Users::Id))
        .col(text_uniq(Users::Name))
        .col(created_at(Users::CreatedAt))
        .to_owned()
}

fn posts() -> TableCreateStatement {
    Table::create()
        .table(Posts::Table)
        .col(big_pk_auto(Posts::Id))
        .col(text(Posts::Title))
        .col(text(Posts::Slug))
        .col(text(Posts::Content))
        .col(big_integer(Posts::AuthorId))
        .col(created_at(Posts::CreatedAt))
        .index(
            Index::create()
                .name("posts_author_id_slug_key")
                .col(Posts::AuthorId)
                .col(Posts::Slug)
                .unique(),
        )
        .foreign_key(
            ForeignKey::create()
                .from(Posts::Table, Posts::AuthorId)
                .to(Users::Table, Users::Id),
        )
        .to_owned()
}

fn comments() -> TableCreateStatement {
    Table::create()
        .table(Comments::Table)
        .col(big_pk_auto(Comments::Id))
        .col(big_integer(Comments::PostId))
        .col(big_integer(Comments::AuthorId))
        .col(text(Comments::Content))
        .col(created_at(Comments::CreatedAt))
        .foreign_key(
            ForeignKey::create()
                .from(Comments::Table, Comments::PostId)
                .to(Posts::Table, Posts::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from(Comments::Table, Comments::AuthorId)
                .to(Users::Table, Users::Id),
        )
        .to_owned()
}

fn likes() -> TableCreateStatement {
    Table::create()
        .table(Likes::Table)
        .col(big_pk_auto(Likes::Id))
        .col(big_integer(Likes::CommentId))
        .col(big_integer(Likes::UserId))
        .col(created_at(Likes::CreatedAt))
        .index(
            Index::create()
                .name("likes_comment_id_user_id_key")
                .col(Likes::CommentId)
                .col(Likes::UserId)
                .unique(),
        )
        .foreign_key(
            ForeignKey::create()
                .from(Likes::Table, Likes::CommentId)
                .to(Comments::Table, Comments::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from(Likes::Table, Likes::UserId)
                .to(Users::Table, Users::Id),
        )
        .to_owned()
}

fn tags() -> TableCreateStatement {
    Table::create()
        .table(Tags::Table)
        .col(big_pk_auto(Tags::Id))
        .col(text_uniq(Tags::Name))
        .to_owned()
}

fn post_tags() -> TableCreateStatement {
    Table::create()
        .table(PostTags::Table)
        .col(big_integer(PostTags::PostId))
        .col(big_integer(PostTags::TagId))
        .primary_key(Index::create().col(PostTags::PostId).col(PostTags::TagId))
        .foreign_key(
            ForeignKey::create()
                .from(PostTags::Table, PostTags::PostId)
                .to(Posts::Table, Posts::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from(PostTags::Table, PostTags::TagId)
                .to(Tags::Table, Tags::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn created_at(column: impl IntoIden) -> ColumnDef {
    timestamp_with_time_zone(column)
        .default(Expr::current_timestamp())
        .to_owned()
}

/// Indexes for the foreign keys that no unique index begins with.
fn foreign_key_indexes() -> [IndexCreateStatement; 4] {
    let index = |name: &'static str| Index::create().name(name).if_not_exists().to_owned();
    [
        index("comments_post_id_idx")
            .table(Comments::Table)
            .col(Comments::PostId)
            .to_owned(),
        index("comments_author_id_idx")
            .table(Comments::Table)
            .col(Comments::AuthorId)
            .to_owned(),
        index("likes_user_id_idx")
            .table(Likes::Table)
            .col(Likes::UserId)
            .to_owned(),
        index("post_tags_tag_id_idx")
            .table(PostTags::Table)
            .col(PostTags::TagId)
            .to_owned(),
    ]
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    Name,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Posts {
    Table,
    Id,
    Title,
    Slug,
    Content,
    AuthorId,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Comments {
    Table,
    Id,
    PostId,
    AuthorId,
    Content,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Likes {
    Table,
    Id,
    CommentId,
    UserId,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Tags {
    Table,
    Id,
    Name,
}

#[derive(DeriveIden)]
enum PostTags {
    Table,
    PostId,
    TagId,
}
