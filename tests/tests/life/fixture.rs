//! A blog without posts that is audited, with events, guards that catch, and personal data. The hammer uses it too.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

/// What an erasure leaves of a text.
pub const ERASED: &str = "[erased]";

/// So many persons. Every text of one begins with `of-` and its number, so what an erasure misses is found anywhere.
pub async fn fill(db: &DatabaseConnection, persons: i64) -> Result<(), DbErr> {
    Migrator::up(db, None).await?;
    let manager = SchemaManager::new(db);
    manager.enable_events().await?;
    for table in ["likes", "comments", "post_tags", "posts"] {
        manager.guard_table(table, Guard::catch()).await?;
    }
    let users = PersonalData::of_person()
        .pseudonym("name")
        .identifying(["name"]);
    manager.declare_personal_data("users", users).await?;
    let posts = PersonalData::belongs_to("users", ["author_id"])
        .constant("title", ERASED)
        .constant("content", ERASED);
    manager.declare_personal_data("posts", posts).await?;
    let comments = PersonalData::belongs_to("users", ["author_id"]).constant("content", ERASED);
    manager.declare_personal_data("comments", comments).await?;
    db.execute_unprepared(&format!(
        "insert into users (id, name) select n, format('of-%s-name', n) from generate_series(1, {persons}) as n"
    ))
    .await?;
    Ok(())
}
