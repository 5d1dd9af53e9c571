//! Purge and retention.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, entity::prelude::*};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{SchemaManager, schema::text};
use serde_json::json;

use crate::Output;
use crate::blog::post;

async fn purge(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let month = Duration::from_secs(30 * 86_400);
    let old = post::Entity::purge_many()
        .filter(post::deleted::Column::AuthorId.eq(1))
        .older_than(month);
    let preview = old.clone().preview(db).await?;
    output.line(format!(
        "{} archivals, {:?}",
        preview.archivals, preview.rows
    ));
    let mut batches = old.by(0).policy("cleanup 2026").in_batches(1_000);
    while let Some(purged) = batches.next(db).await? {
        output.line(format!("{} archivals purged", purged.archivals));
    }
    Ok(())
}

async fn declare(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.retain("posts", Retention::days(90)).await?;
    let invoices = Retention::days(3650)
        .metadata(json!({"kind": "invoice"}))
        .named("tax law");
    manager.retain("posts", invoices).await?;
    manager
        .retain("posts", Retention::forever().tenant("7"))
        .await?;
    manager.retain_archivals(Retention::days(3650)).await?; // records, after the restore or the purge
    Ok(())
}

async fn partition(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for table in ["projects", "tasks"] {
        let table = ExistingTable::new(table).partitioned_by_archivals(10_000);
        manager.archive_existing_table(table).await?;
    }
    Ok(())
}

async fn expire(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for expired in archival::Entity::purge_expired().preview(db).await? {
        output.line(format!(
            "{}: {} of {}",
            expired.policy, expired.expired, expired.table
        ));
    }
    let purged = archival::Entity::purge_expired()
        .by("nightly")
        .exec(db)
        .await?;
    output.line(format!("{} archivals, {:?}", purged.archivals, purged.rows));
    Ok(())
}

async fn versions(
    manager: &SchemaManager<'_>,
    db: &DatabaseConnection,
    output: &mut Output,
) -> anyhow::Result<()> {
    manager
        .retain_versions("department_history", Retention::days(3650))
        .await?;
    let purged = archival::Entity::purge_expired().exec(db).await?;
    output.line(format!("{} versions", purged.versions));
    Ok(())
}

/// A department that had three names.
async fn department(manager: &SchemaManager<'_>, db: &DatabaseConnection) -> Result<(), DbErr> {
    db.execute_unprepared(
        "create table departments (id bigint primary key); insert into departments values (1)",
    )
    .await?;
    let history = HistoryTable::new("department_history").identity("department_id", "departments");
    manager
        .create_history_table(history.column(text("name")))
        .await?;
    db.execute_unprepared(
        "insert into department_history (department_id, name, valid_from, valid_to) values
             (1, 'Engineering', '2000-01-01Z', '2001-01-01Z'), (1, 'R&D', '2001-01-01Z', '2002-01-01Z'), (1, 'Science', '2002-01-01Z', null)",
    )
    .await?;
    Ok(())
}

/// Lets what is archived be so many days old.
async fn age(db: &DatabaseConnection, days: i32) -> Result<(), DbErr> {
    db.execute_unprepared(&format!(
        "UPDATE archive.archival SET archived_at = archived_at - {days} * interval '24 hours'"
    ))
    .await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    post::Entity::archive_by_id(1).exec(db).await?;
    age(db, 31).await?;
    purge(db, output).await?;
    declare(&SchemaManager::new(db)).await?;
    post::Entity::archive_by_id(2).exec(db).await?;
    age(db, 91).await?;
    expire(db, output).await?;
    let manager = SchemaManager::new(db);
    department(&manager, db).await?;
    versions(&manager, db, output).await?;
    db.execute_unprepared(
        "CREATE TABLE projects (id bigint PRIMARY KEY);
         CREATE TABLE tasks (id bigint PRIMARY KEY, project_id bigint NOT NULL REFERENCES projects ON DELETE CASCADE)",
    )
    .await?;
    partition(&SchemaManager::new(db)).await?;
    Ok(())
}
