//! The migrations: the first one installs the archive, the second one creates the tables.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

mod m20260101_000001_install_archive;
mod m20260101_000002_create_countries;

/// All migrations, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_install_archive::Migration),
            Box::new(m20260101_000002_create_countries::Migration),
        ]
    }
}
