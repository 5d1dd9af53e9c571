//! Events.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_archive::event::{self, Cursor, Kind, Listener};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;
use crate::blog::post;

async fn enable(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.enable_events().await?;
    manager.grant_events("search").await?;
    manager.retain_events(Retention::days(30)).await?;
    Ok(())
}

async fn read(db: &DatabaseConnection, output: &mut Output) -> Result<Cursor, Error> {
    let mut cursor = Cursor::START;
    let events = event::Entity::after(cursor).limit(100).all(db).await?;
    for event in events {
        output.line(format!(
            "{:?} {} {}",
            event.kind,
            event.root_table.as_deref().unwrap_or_default(),
            event.root_key.as_ref().unwrap_or_default()
        ));
        cursor = event.cursor();
    }
    Ok(cursor)
}

async fn apply(event: &event::Model, db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if let Kind::Archived | Kind::Restored = event.kind {
        db.execute_unprepared("insert into search_jobs default values")
            .await?;
    }
    Ok(())
}

async fn build(db: &DatabaseConnection) -> Result<(), Error> {
    // The cursor first: what happens while the tables are read is among the events after it.
    let latest = event::Entity::latest(db).await?;
    event::Entity::consumer("search")
        .acknowledge(latest, db)
        .await?;
    Ok(())
}

async fn follow_batch(db: &DatabaseConnection) -> Result<bool, Error> {
    let search = event::Entity::consumer("search");
    let transaction = db.begin().await?;
    let events = search.next(100, &transaction).await?;
    for event in &events {
        apply(event, &transaction).await?;
    }
    if let Some(last) = events.last() {
        search.acknowledge(last.cursor(), &transaction).await?;
    }
    transaction.commit().await?;
    Ok(!events.is_empty())
}

pub async fn follow(db: &DatabaseConnection) -> Result<(), Error> {
    let mut listener = Listener::connect(db).await?;
    loop {
        if !follow_batch(db).await? {
            listener.wait(Duration::from_secs(30)).await;
        }
    }
}

async fn remove(db: &DatabaseConnection) -> Result<bool, Error> {
    event::Entity::consumer("search").remove(db).await
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    db.execute_unprepared(
        "create role search; grant search to current_user; create table search_jobs (id bigint generated always as identity)",
    )
    .await?;
    enable(&SchemaManager::new(db)).await?;
    build(db).await?;
    let archival = post::Entity::archive_by_id(1).exec(db).await?;
    archival.restore(db).await?;
    post::Entity::archive_by_id(2).exec(db).await?;
    post::Entity::purge_many().exec(db).await?;
    read(db, output).await?;
    anyhow::ensure!(follow_batch(db).await? && !follow_batch(db).await?);
    anyhow::ensure!(remove(db).await?);
    db.execute_unprepared("drop owned by search; drop role search")
        .await?;
    Ok(())
}
