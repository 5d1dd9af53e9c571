//! Rules for a table that was replaced by another one of the same name, with an archive table of its own.

use sea_orm::DatabaseConnection;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::error::{Error, SetupError};
use sea_orm_archive_migration::{ErasureSchema, PersonalData};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{count, run, texts};
use sea_orm_archive_tests::tables::{archive_table, tables};
use sea_orm_migration::SchemaManager;

use super::people::person;

const CREATE: &str = "(id bigint primary key, author_id bigint, title text)";

fn of_author() -> PersonalData {
    PersonalData::belongs_to("persons", ["author_id"]).null("title")
}

/// Posts and comments with rules.
async fn tables_with_rules() -> (Database, DatabaseConnection) {
    let (database, db) = tables(
        &format!(
            "create table persons (id bigint primary key, email text, name text, phone text);
             create table posts {CREATE}; create table comments (id bigint primary key, post_id bigint, content text);
             insert into persons values (1, 'ada@example.org', 'Ada'); insert into posts values (1, 1, 'one'), (2, 1, 'two');
             insert into comments values (1, 1, 'of one')"
        ),
        &["posts", "comments"],
    )
    .await;
    let manager = SchemaManager::new(&db);
    for (table, rule) in [
        ("persons", PersonalData::of_person().pseudonym("email")),
        ("posts", of_author()),
        (
            "comments",
            PersonalData::belongs_to("posts", ["post_id"]).null("content"),
        ),
    ] {
        manager.declare_personal_data(table, rule).await.unwrap();
    }
    (database, db)
}

/// The same after posts were replaced, with a row in their first archive table.
async fn replaced() -> (Database, DatabaseConnection) {
    let (database, db) = tables_with_rules().await;
    run(
        &db,
        &format!("create table posts_2 {CREATE}; insert into posts_2 select * from posts"),
    )
    .await;
    archive_table(&db, "posts_2").await;
    run(
        &db,
        "with archived as (insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables)
                           values (1, 'public.posts', '{\"id\": 2}', now(), '{\"public.posts\": 1}', '{posts}') returning id)
         insert into deleted_posts (id, author_id, title, deleted_at, archival_id) select 2, 1, 'two', now(), id from archived;
         drop table posts; alter table posts_2 rename to posts",
    )
    .await;
    (database, db)
}

async fn problem(db: &DatabaseConnection) -> String {
    match person::Entity::erase_by_id(1).exec(db).await {
        Err(Error::Setup(SetupError::PersonalData { message })) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rule_is_not_moved_from_archived_rows_that_no_erasure_would_find() {
    let (_database, db) = replaced().await;
    let manager = SchemaManager::new(&db);
    assert!(problem(&db).await.contains("public.posts"));
    let declared = manager.declare_personal_data("posts", of_author()).await;
    let error = declared.unwrap_err().to_string();
    assert!(
        error.contains("1 archived rows are in public.deleted_posts"),
        "{error}"
    );
    assert!(problem(&db).await.contains("public.posts"));
    // The remedy of the error.
    run(&db, "delete from deleted_posts").await;
    manager
        .declare_personal_data("posts", of_author())
        .await
        .unwrap();
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(count(&db, "posts where title is null").await, 2);
    assert_eq!(
        texts(&db, "select coalesce(content, 'none') from comments").await,
        ["none"]
    );
    assert_eq!(count(&db, "archive.personal_data").await, 3);
}

/// The new table may have rules before it has the name.
#[tokio::test]
async fn rule_of_the_new_table_replaces_that_of_the_old_one() {
    let (_database, db) = tables_with_rules().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        &format!("create table posts_2 {CREATE}; insert into posts_2 select * from posts"),
    )
    .await;
    archive_table(&db, "posts_2").await;
    let of_post = || PersonalData::belongs_to("posts_2", ["post_id"]).null("content");
    for (table, rule) in [("posts_2", of_author()), ("comments", of_post())] {
        manager.declare_personal_data(table, rule).await.unwrap();
    }
    assert_eq!(count(&db, "archive.personal_data").await, 5);
    run(
        &db,
        "drop table posts, deleted_posts; alter table posts_2 rename to posts",
    )
    .await;
    manager
        .declare_personal_data("posts", of_author())
        .await
        .unwrap();
    assert_eq!(count(&db, "archive.personal_data").await, 3);
    let certificate = person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert!(certificate.is_complete(), "{certificate}");
}

#[tokio::test]
async fn rule_of_a_replaced_table_is_dropped_by_its_name() {
    let (_database, db) = replaced().await;
    let manager = SchemaManager::new(&db);
    let error = manager.drop_personal_data("posts").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("rows of public.comments belong to rows of public.posts"),
        "{error}"
    );
    for table in ["comments", "posts"] {
        manager.drop_personal_data(table).await.unwrap();
    }
    person::Entity::erase_by_id(1).exec(&db).await.unwrap();
    assert_eq!(count(&db, "archive.personal_data").await, 1);
}
