//! The blog, with roles that own no table.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

pub use sea_orm_archive_tests::sql::{number, run};

/// Two posts with a comment each.
const ROWS: &str = "insert into users (name) values ('Ada');
    insert into posts (title, slug, content, author_id) values ('One', 'one', '', 1), ('Two', 'two', '', 1);
    insert into comments (post_id, author_id, content) values (1, 1, 'first'), (2, 1, 'second')";

/// The blog, two roles that may archive and restore, and a pool of the role that owns everything.
///
/// `web` has the rights on all tables that an application has. `tagger` has them on `tags` and `post_tags` alone.
pub async fn blog() -> (Database, DatabaseConnection) {
    let database = Database::from_template("blog", async |db| {
        Migrator::up(&db, Some(2)).await?;
        db.execute_unprepared(ROWS).await.map(drop)
    })
    .await;
    let db = database.connect().await;
    for (role, tables) in [
        ("web", "all tables in schema public"),
        ("tagger", "tags, post_tags, deleted_tags, deleted_post_tags"),
    ] {
        let role = database.role(role).await;
        let grants = format!(
            "grant select, insert, update, delete on {tables} to {role};
             grant usage on all sequences in schema public to {role}"
        );
        run(&db, &grants).await;
        SchemaManager::new(&db).grant_archive(role).await.unwrap();
    }
    (database, db)
}

/// Runs statements that may fail.
pub async fn attempt(db: &impl ConnectionTrait, sql: &str) -> Result<(), DbErr> {
    db.execute_unprepared(sql).await.map(drop)
}
