//! Schemas without some of the features: check does not report features that are not installed.

use migration::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait;
use sea_orm_archive::check;
use sea_orm_archive::error::{Error, SetupError};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

#[tokio::test]
async fn check_of_an_archive_without_the_audit_log_reports_what_differs() {
    let database = Database::empty().await;
    let db = database.connect().await;
    let missing = check(&db).await.unwrap_err();
    assert!(
        matches!(missing, Error::Setup(SetupError::NotInstalled { .. })),
        "{missing:?}"
    );
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
    db.execute_unprepared("create table posts (id bigint primary key)")
        .await
        .unwrap();
    manager.archive_existing_table("posts").await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
    db.execute_unprepared("alter table posts add title text")
        .await
        .unwrap();
    let found: Vec<_> = check(&db).await.unwrap();
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "public.deleted_posts does not fit public.posts: it lacks the column \"title\" text: call manager.sync_archived_table(\"posts\") in a migration"
        ]
    );
}

#[tokio::test]
async fn check_in_a_transaction_leaves_its_search_path_and_its_writes() {
    let database = Database::empty().await;
    let db = database.connect().await;
    SchemaManager::new(&db).install_archive().await.unwrap();
    let transaction = sea_orm_archive::Context::new().begin(&db).await.unwrap();
    transaction
        .execute_unprepared("create table posts (id bigint primary key)")
        .await
        .unwrap();
    assert_eq!(check(&transaction).await.unwrap(), []);
    transaction
        .execute_unprepared("insert into posts values (1)")
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn check_of_the_blog_after_its_migrations_reports_nothing() {
    let database = Database::empty().await;
    let db = database.connect().await;
    Migrator::up(&db, None).await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
}
