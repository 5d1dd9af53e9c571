//! The code of the guide. Each page of `docs/guide/` has a module of the same name here. A test checks that every block
//! of Rust on the page is in that module, runs it on an empty database, and compares what it prints with the page.

pub mod adopt;
pub mod archive_and_restore;
pub mod audit;
pub mod background_jobs;
pub mod backups_and_replication;
pub mod blog;
pub mod check;
pub mod conflicts;
pub mod context_and_axum;
pub mod deleted_list;
pub mod erasure;
pub mod errors_and_http;
pub mod events;
pub mod from_deleted_at;
pub mod guard;
pub mod history;
pub mod holds;
pub mod hooks;
pub mod lost_updates;
pub mod migrations_under_traffic;
pub mod poolers;
pub mod purge_and_retention;
pub mod restore_with_changes;
pub mod roles_and_grants;
pub mod stamps;
pub mod tenants;
pub mod testing;
pub mod triggers;

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, SchemaManager};

/// What a page prints, line by line.
#[derive(Debug, Default)]
pub struct Output(pub String);

impl Output {
    /// Prints a line.
    pub fn line(&mut self, line: impl std::fmt::Display) {
        self.0.push_str(&format!("{line}\n"));
    }
}

/// Runs a migration, as `sea-orm-cli migrate up` does.
pub async fn up(db: &DatabaseConnection, migration: &impl MigrationTrait) -> Result<(), DbErr> {
    migration.up(&SchemaManager::new(db)).await
}
