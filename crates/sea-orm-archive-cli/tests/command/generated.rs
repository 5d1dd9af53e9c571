use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.archive_existing_table("notes").await?;
        manager.audit_table("notes").await?;
        manager.install_audit().await?;
        manager.sync_archived_table("comments").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.unaudit_table("notes").await?;
        manager.unarchive_existing_table("notes").await
    }
}
