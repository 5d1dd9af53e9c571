//! Audits the tables of the blog, and adds an e-mail address to users.

use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::text_null};

const TABLES: [&str; 6] = ["users", "posts", "comments", "likes", "tags", "post_tags"];

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("users")
                    .add_column_if_not_exists(text_null("email"))
                    .to_owned(),
            )
            .await?;
        manager.install_audit().await?;
        for table in TABLES {
            manager.audit_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager.unaudit_table(table).await?;
        }
        manager.uninstall_audit().await?;
        if !manager.has_column("users", "email").await? {
            return Ok(());
        }
        manager
            .alter_table(
                Table::alter()
                    .table("users")
                    .drop_column("email")
                    .to_owned(),
            )
            .await
    }
}
