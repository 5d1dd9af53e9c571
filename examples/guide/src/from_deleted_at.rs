//! From deleted_at.

use sea_orm::{DatabaseConnection, entity::prelude::*};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::prelude::*;
use serde_json::json;

use crate::Output;

pub mod marked;
pub mod message;

async fn archive_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.install_archive().await?;
    manager
        .archive_existing_table(
            ExistingTable::new("messages")
                .deleted_at_column("archived_at") // the table has a column deleted_at already
                .deleted_by_column("archived_by"),
        )
        .await
}

async fn move_the_marked(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let marked = marked::Entity::find()
        .filter(marked::Column::DeletedAt.is_not_null())
        .all(db)
        .await?;
    for row in marked {
        marked::Entity::archive_by_id(row.id)
            .by(row.deleted_by.unwrap_or_default())
            .reason("deleted before the archive")
            .metadata(json!({ "deleted_at": row.deleted_at }))
            .exec(db)
            .await?;
    }
    output.line(format!(
        "{} messages are left",
        marked::Entity::find().count(db).await?
    ));
    Ok(())
}

async fn drop_the_columns(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = Table::alter()
        .table("messages")
        .drop_column("deleted_at")
        .drop_column("deleted_by")
        .to_owned();
    manager.alter_archived_table(columns).await
}

async fn afterwards(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for (message, archival) in message::Entity::find_deleted_roots().all(db).await? {
        let metadata = archival.and_then(|archival| archival.metadata);
        output.line(format!(
            "{} {}",
            message.content,
            metadata.unwrap_or_default()
        ));
    }
    message::Entity::restore_by_id(2).exec(db).await?;
    output.line(format!(
        "{} messages after a restore",
        message::Entity::find().count(db).await?
    ));
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    db.execute_unprepared(
        "create table messages (id bigint generated always as identity primary key, content text not null, deleted_at timestamptz, deleted_by bigint);
         insert into messages (content, deleted_at, deleted_by) values ('Hello', null, null), ('Spam', '2026-01-02 03:04:05Z', 7)",
    )
    .await?;
    let manager = SchemaManager::new(db);
    archive_table(&manager).await?;
    move_the_marked(db, output).await?;
    drop_the_columns(&manager).await?;
    afterwards(db, output).await?;
    Ok(())
}
