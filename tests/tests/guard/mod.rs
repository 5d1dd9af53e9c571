//! Guards: what is deleted past the archive is refused, or caught.

mod attacked;
mod beside;
mod caught;
mod races;
mod refused;
mod shapes;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::{Guard, GuardSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dumps, number};
use sea_orm_migration::SchemaManager;

use crate::races::blog::{OnDelete, blog};

/// The tables of the blog, from the leaves up.
const TABLES: [&str; 4] = ["likes", "comments", "post_tags", "posts"];
const ARCHIVE_TABLES: [&str; 4] = [
    "deleted_likes",
    "deleted_comments",
    "deleted_post_tags",
    "deleted_posts",
];

/// The blog, with this guard on all its tables.
async fn guarded(guard: Guard) -> (Database, DatabaseConnection) {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    guard_all(&db, &TABLES, guard).await;
    (database, db)
}

async fn guard_all(db: &DatabaseConnection, tables: &[&str], guard: Guard) {
    let manager = SchemaManager::new(db);
    for table in tables {
        manager
            .guard_table((*table).to_owned(), guard)
            .await
            .unwrap();
    }
}

/// Every row of the tables and of their archive tables.
async fn contents(db: &impl ConnectionTrait) -> [Vec<Vec<String>>; 2] {
    [dumps(db, &TABLES).await, dumps(db, &ARCHIVE_TABLES).await]
}

/// Fails unless nothing of an unfinished transaction is left.
async fn assert_finished(db: &impl ConnectionTrait) {
    let left =
        "select (select count(*) from archive.caught) + (select count(*) from archive.departed)";
    assert_eq!(number(db, left).await, 0);
}
