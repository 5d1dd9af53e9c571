//! Holds.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryOrder, entity::prelude::*};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;
use crate::blog::{comment, post};

async fn place(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let held = comment::Entity::hold_by_id(1, "case 17")
        .by(7)
        .exec(db)
        .await?;
    let archival = post::Entity::archive_by_id(1).exec(db).await?;
    if let Err(error) = archival.purge(db).await {
        output.line(error);
    }
    let purged = post::Entity::purge_many().skip_held().exec(db).await?;
    output.line(format!(
        "{} purged, held: {:?}",
        purged.archivals, purged.held
    ));
    hold::Entity::release_by_id(held.id, "case closed")
        .by(7)
        .exec(db)
        .await?;
    Ok(())
}

async fn others(db: &DatabaseConnection, later: DateTimeUtc, id: i64) -> Result<(), Error> {
    // One archival, as it is: it is not restored either.
    archival::Entity::hold_by_id(id, "case 18").exec(db).await?;
    // Every archival of a tree with this table, until a time.
    post::Entity::hold_table("audit 2026")
        .until(later)
        .exec(db)
        .await?;
    Ok(())
}

async fn list(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    let holds = hold::Entity::find().order_by_asc(hold::Column::Id);
    for hold in holds.all(db).await? {
        output.line(format!(
            "{}: {}, {:?} {:?}, released: {}",
            hold.id,
            hold.reason,
            hold.held_table,
            hold.held_key,
            hold.released_at.is_some()
        ));
    }
    Ok(())
}

async fn grant(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.grant_holds("legal").await?;
    Ok(())
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::blog::fill(db).await?;
    db.execute_unprepared("create role legal; grant legal to current_user")
        .await?;
    place(db, output).await?;
    let archival = post::Entity::archive_by_id(2).exec(db).await?;
    let later = DateTimeUtc::from(std::time::SystemTime::now()) + std::time::Duration::from_secs(9);
    others(db, later, archival.id).await?;
    list(db, output).await?;
    grant(&SchemaManager::new(db)).await?;
    db.execute_unprepared("drop owned by legal; drop role legal")
        .await?;
    Ok(())
}
