//! A forum, as real ones are built: rows of aggregates that triggers create, counters that triggers maintain by row and by
//! statement, times of the last update, deletions that a trigger refuses, and triggers that delete rows themselves.

mod as_written;
mod entities;
mod rehearsed;
mod state;
mod suspended;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::{Database, sql};
use sea_orm_migration::SchemaManager;

/// The tables with their keys.
const TABLES: [(&str, &[&str]); 14] = [
    ("persons", &["id"]),
    ("person_aggregates", &["person_id"]),
    ("communities", &["id"]),
    ("community_aggregates", &["id"]),
    ("members", &["community_id", "person_id"]),
    ("posts", &["id"]),
    ("post_aggregates", &["post_id"]),
    ("comments", &["id"]),
    ("post_votes", &["person_id", "post_id"]),
    ("comment_votes", &["comment_id", "person_id"]),
    ("tags", &["id"]),
    ("post_tags", &["post_id", "tag_id"]),
    ("attachments", &["id"]),
    ("reports", &["id"]),
];

/// In place of the extension, where the server does not have it.
const NO_LTREE: &str = "create domain ltree as text;
    create function nlevel(ltree) returns int immutable language sql return cardinality(string_to_array($1, '.'));";

/// The forum with its triggers, its rows and its archive tables.
async fn forum() -> (Database, DatabaseConnection) {
    let database = Database::from_template("forum", async |db| {
        let ltree = sql::count(&db, "pg_available_extensions where name = 'ltree'").await;
        let ltree = if ltree == 1 {
            "create extension ltree"
        } else {
            NO_LTREE
        };
        for statements in [ltree, include_str!("schema.sql"), include_str!("rows.sql")] {
            db.execute_unprepared(statements).await?;
        }
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        for (table, _) in TABLES {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    })
    .await;
    let db = database.connect().await;
    (database, db)
}
