//! Guards.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait, entity::prelude::*};
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;
use crate::blog::{comment, post};

async fn guard(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.guard_table("comments", Guard::refuse()).await?;
    Ok(())
}

async fn refused(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let deleted = comment::Entity::delete_by_id(1).exec(db).await;
    if let Err(error) = deleted.map_err(Error::from) {
        if let Error::Refused(RefusedError::Guarded { table, keys, .. }) = &error {
            output.line(format!("{table} {keys:?}"));
        }
        output.line(error);
    }
    Ok(())
}

async fn catch(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.guard_table("comments", Guard::catch()).await?;
    manager.guard_table("posts", Guard::catch()).await?;
    Ok(())
}

async fn caught(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let txn = db.begin().await?;
    txn.execute_unprepared("DELETE FROM comments WHERE post_id = 1")
        .await?;
    txn.execute_unprepared("DELETE FROM posts WHERE id = 1")
        .await?;
    txn.commit().await?;
    let restored = post::Entity::restore_by_id(1).exec(db).await?;
    output.line(restored.archival.row_counts);
    Ok(())
}

async fn unguard(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.drop_guard("posts").await?;
    manager.drop_guard("comments").await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    let manager = SchemaManager::new(db);
    guard(&manager).await?;
    refused(db, output).await?;
    catch(&manager).await?;
    caught(db, output).await?;
    unguard(&manager).await?;
    Ok(())
}
