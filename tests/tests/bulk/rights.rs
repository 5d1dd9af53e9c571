//! Restores of many as an ordinary role.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dumps, number, run};
use sea_orm_migration::SchemaManager;

use super::entities::{ALL, post, posts};

#[tokio::test]
async fn role_with_the_grants_restores_many_and_another_is_refused() {
    let (database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let (web, guest) = (database.role("web").await, database.role("guest").await);
    let manager = SchemaManager::new(&db);
    for role in [&web, &guest] {
        manager.grant_archive(role).await.unwrap();
    }
    run(
        &db,
        &format!(
            "grant select, insert, update, delete on posts, comments, deleted_posts, deleted_comments to {web};
             grant select on posts, comments, deleted_posts, deleted_comments to {guest}"
        ),
    )
    .await;
    let web = database.connect_as("web").await;
    post::Entity::archive_many().exec(&web).await.unwrap();
    let guest = database.connect_as("guest").await;
    let error = post::Entity::restore_many().exec(&guest).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("may not restore or purge this: it needs INSERT on"),
        "{error}"
    );
    assert_eq!(number(&db, "select count(*) from posts").await, 0);
    let restored = post::Entity::restore_many().by(7).exec(&web).await.unwrap();
    assert_eq!(restored.archivals.len(), 10);
    assert_eq!(dumps(&db, &ALL).await, before);
}
