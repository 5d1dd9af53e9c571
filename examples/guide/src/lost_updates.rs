//! Lost updates.

use sea_orm::{ActiveValue::Set, DatabaseConnection, IntoActiveModel, entity::prelude::*};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{prelude::*, schema::*};

use crate::Output;

pub mod document;

async fn create(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    manager
        .create_archived_table(
            Table::create()
                .table("documents")
                .col(big_pk_auto("id"))
                .col(text("title"))
                .col(integer("lock_version").default(0)),
        )
        .await
}

async fn save(
    db: &DatabaseConnection,
    document: document::Model,
    output: &mut Output,
) -> Result<(), Error> {
    let mut change = document.into_active_model();
    change.title = Set("My title".to_owned());
    match change.update_if_unchanged(db).await {
        Ok(saved) => output.line(format!("saved lock version {}", saved.lock_version)),
        Err(UpdateError::Conflict { current, .. }) => {
            output.line(format!("409: it is called {:?} now", current.title));
        }
        Err(UpdateError::NotFound { .. }) => output.line("410: deleted or archived since"),
        Err(UpdateError::Other(error)) => return Err(error),
    }
    Ok(())
}

async fn from_a_request(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let change = document::ActiveModel {
        id: Set(1),
        title: Set("From a form".to_owned()),
        lock_version: Set(1), // as the form was sent it
    };
    let saved = change.update_if_unchanged(db).await?; // Error::Conflict(ConflictError::LockVersion) otherwise
    output.line(format!("saved lock version {}", saved.lock_version));
    Ok(())
}

async fn archive(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    match document::Entity::archive_by_id(1)
        .at_lock_version(1)
        .exec(db)
        .await
    {
        Ok(_) => output.line("archived"),
        Err(error) => output.line(error),
    }
    let document = document::Entity::find_by_id(1).one(db).await?;
    if let Some(document) = document {
        document.archive_if_unchanged(db).await?; // at the lock version that was read
    }
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    create(&SchemaManager::new(db)).await?;
    let document = document::ActiveModel {
        title: Set("Draft".to_owned()),
        ..Default::default()
    };
    let document = document.insert(db).await?;
    save(db, document.clone(), output).await?;
    save(db, document, output).await?;
    from_a_request(db, output).await?;
    archive(db, output).await?;
    Ok(())
}
