//! Migrations under traffic.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::Output;
use crate::blog::CreateBlog;

async fn add_a_column(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .get_connection()
        .execute_unprepared("SET LOCAL lock_timeout = '500ms'")
        .await?;
    manager
        .alter_archived_table(
            Table::alter()
                .table("posts")
                .add_column(text_null("subtitle")),
        )
        .await
}

async fn existing(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .get_connection()
        .execute_unprepared("SET LOCAL lock_timeout = '500ms'")
        .await?;
    manager.archive_existing_table("users").await
}

pub async fn run(db: &DatabaseConnection, _output: &mut Output) -> anyhow::Result<()> {
    crate::up(db, &CreateBlog).await?;
    let manager = SchemaManager::new(db);
    add_a_column(&manager).await?;
    existing(&manager).await?;
    Ok(())
}
