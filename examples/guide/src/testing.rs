//! Testing.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, EntityTrait};
use sea_orm_archive::prelude::*;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

use crate::Output;
use crate::blog::{CreateBlog, post};

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateBlog)]
    }
}

/// A database of its own for one test.
async fn test_database(url: &str, name: &str) -> Result<DatabaseConnection, DbErr> {
    let server = Database::connect(format!("{url}/postgres")).await?;
    server
        .execute_unprepared(&format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#))
        .await?;
    server
        .execute_unprepared(&format!(r#"CREATE DATABASE "{name}""#))
        .await?;
    let db = Database::connect(format!("{url}/{name}")).await?;
    Migrator::up(&db, None).await?;
    Ok(db)
}

/// What is archived comes back as it was: every table of the tree, byte for byte.
async fn comes_back(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let before = post::Entity::find().all(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    post::Entity::restore_by_id(1).exec(db).await?;
    let mut after = post::Entity::find().all(db).await?;
    after.sort_by_key(|post| post.id);
    assert_eq!(before, after);
    output.line("it comes back");
    Ok(())
}

/// Nothing differs from what the migrations create.
async fn no_drift(db: &DatabaseConnection) -> Result<(), Error> {
    let findings = sea_orm_archive::check(db).await?;
    assert!(findings.is_empty(), "{findings:?}");
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    comes_back(db, output).await?;
    no_drift(db).await?;
    let _ = test_database;
    Ok(())
}
