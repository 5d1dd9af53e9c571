//! Stamps.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, IntoActiveModel};
use sea_orm_archive::{Context, Error};
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::Output;

pub mod article;

async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    let articles = Table::create()
        .table("articles")
        .col(big_pk_auto("id"))
        .col(text("title"))
        .to_owned();
    manager.create_table(articles).await?;
    // created_at, created_by, updated_at, updated_by; the type is that of your user ids
    manager
        .stamp_table(StampedTable::new("articles").by(ColumnType::Text))
        .await
}

async fn write(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let article = article::ActiveModel {
        title: Set("Draft".to_owned()),
        ..Default::default() // the stamps are not set: the database fills them
    };
    let inserted = Context::new()
        .actor("ann")
        .run(db, async move |txn| article.clone().insert(txn).await)
        .await?;
    let mut change = inserted.into_active_model();
    change.title = Set("Final".to_owned());
    let changed = Context::new()
        .actor("bob")
        .run(db, async move |txn| change.clone().update(txn).await)
        .await?;
    output.line(format!(
        "created by {:?}, updated by {:?}",
        changed.created_by, changed.updated_by
    ));
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    create(&SchemaManager::new(db)).await?;
    write(db, output).await?;
    Ok(())
}
