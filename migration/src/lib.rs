//! The migrations of the example blog.
//!
//! The first one installs the archive. The second one creates the blog: users, and the archived
//! tables of posts, their comments, the likes of comments, and tags. The third one audits all
//! tables.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

mod m20260101_000001_install_archive;
mod m20260101_000002_create_blog;
mod m20260101_000003_audit_blog;

/// All migrations, in their order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_install_archive::Migration),
            Box::new(m20260101_000002_create_blog::Migration),
            Box::new(m20260101_000003_audit_blog::Migration),
        ]
    }
}
