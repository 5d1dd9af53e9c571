//! Background jobs.

use std::time::Duration;

use sea_orm::{DatabaseConnection, QuerySelect, entity::prelude::*};
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;

use crate::Output;
use crate::blog::{comment, post};

async fn nightly(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let context = Context::new().actor(0).reason("no comments for a year");
    loop {
        // A batch of keys, then one archive: locks are released after each batch.
        let batch: Vec<i64> = post::Entity::find()
            .select_only()
            .column(post::Column::Id)
            .filter(post::Column::Title.starts_with("The"))
            .limit(1000)
            .into_tuple()
            .all(db)
            .await?;
        if batch.is_empty() {
            return Ok(());
        }
        let archivals = context
            .run(db, async |txn| {
                post::Entity::archive_many()
                    .filter(post::Column::Id.is_in(batch.clone()))
                    .exec(txn)
                    .await
            })
            .await?;
        output.line(format!("{} posts archived", archivals.len()));
    }
}

async fn with_retries(db: &DatabaseConnection) -> Result<(), Error> {
    let mut pause = Duration::from_millis(20);
    loop {
        match comment::Entity::archive_many().exec(db).await {
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
    nightly(db, output).await?;
    with_retries(db).await?;
    Ok(())
}
