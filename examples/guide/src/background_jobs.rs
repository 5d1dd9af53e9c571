//! Background jobs.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait, entity::prelude::*};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival};

use crate::Output;
use crate::blog::{comment, post};

async fn nightly(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let mut batches = post::Entity::archive_many()
        .filter(post::Column::Title.starts_with("The"))
        .by(0) // the user that represents the job
        .reason("no comments for a year")
        .in_batches(1_000);
    let mut archived = 0;
    while let Some(archivals) = batches.next(db).await? {
        archived += archivals.len();
        output.line(format!("{archived} posts archived"));
    }
    Ok(())
}

async fn with_a_context(db: &DatabaseConnection) -> Result<(), Error> {
    let context = Context::new().actor(0).tenant(3);
    let mut batches = post::Entity::archive_many().in_batches(1_000);
    loop {
        let txn = context.clone().begin(db).await?;
        let batch = batches.next(&txn).await?;
        txn.commit().await?;
        if batch.is_none() {
            break;
        }
    }
    Ok(())
}

async fn purge_old(db: &DatabaseConnection) -> Result<(), Error> {
    archival::Entity::purge_expired()
        .by("nightly")
        .exec(db)
        .await?;
    Ok(())
}

async fn large_tree(db: &DatabaseConnection) -> Result<(), Error> {
    let txn = db.begin().await?;
    txn.execute_unprepared("SET LOCAL statement_timeout = 0")
        .await?;
    post::Entity::archive_by_id(1).exec(&txn).await?;
    txn.commit().await?;
    Ok(())
}

async fn with_retries(db: &DatabaseConnection) -> Result<(), Error> {
    let mut pause = Duration::from_millis(20);
    loop {
        let spam =
            comment::Entity::archive_many().filter(comment::Column::Content.contains("spam"));
        match spam.exec(db).await {
            Err(error) if error.is_retryable() && pause < Duration::from_secs(5) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other.map(drop),
        }
    }
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    large_tree(db).await?;
    post::Entity::restore_by_id(1).exec(db).await?;
    nightly(db, output).await?;
    with_retries(db).await?;
    post::Entity::restore_many().exec(db).await?;
    with_a_context(db).await?;
    purge_old(db).await?;
    Ok(())
}
