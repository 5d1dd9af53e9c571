//! Events: what is written of archives, restores, purges and holds, in which order it is read, and by whom.

mod attacked;
mod consumers;
mod disabled;
mod dumped;
mod listened;
mod order;
mod recorded;
mod replayed;
mod retained;
mod roles;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::event::{self, Cursor, Kind};
use sea_orm_archive_migration::EventSchema;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::run;
use sea_orm_migration::SchemaManager;

use crate::races::blog::{OnDelete, blog};

/// The blog with events, and a session of a superuser.
async fn database() -> (Database, DatabaseConnection) {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    SchemaManager::new(&db).enable_events().await.unwrap();
    (database, db)
}

/// Every event.
async fn all(db: &DatabaseConnection) -> Vec<event::Model> {
    event::Entity::after(Cursor::START).all(db).await.unwrap()
}

/// What is in each event beside its position and its time.
async fn kinds(db: &DatabaseConnection) -> Vec<(Kind, Option<i64>)> {
    let events = all(db).await.into_iter();
    events
        .map(|event| (event.kind, event.archival_id))
        .collect()
}

/// Lets every event have been written a day ago.
async fn age(db: &impl ConnectionTrait) {
    run(db, "update archive.event set at = at - interval '1 day'").await;
}
