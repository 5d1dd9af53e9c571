//! Retention: how long what was archived stays, and what purges it.

mod attacked;
mod cron;
mod expired;
mod model;
mod others;
mod races;
mod rules;
mod versions;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{run, texts};

use crate::races::blog::{OnDelete, blog};

/// The blog, with a session of a superuser.
async fn database() -> (Database, DatabaseConnection) {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    (database, db)
}

/// Lets an archival be so many days old.
async fn age(db: &impl ConnectionTrait, archival: i64, days: i32) {
    let aged = format!(
        "update archive.archival set archived_at = now() - {days} * interval '24 hours' where id = {archival}"
    );
    run(db, &aged).await;
}

/// The keys of the archived posts.
async fn archived(db: &impl ConnectionTrait) -> Vec<String> {
    texts(db, "select id::text from deleted_posts order by id").await
}
