//! Installs the archive, once for each database.

use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.install_archive().await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.uninstall_archive().await
    }
}
