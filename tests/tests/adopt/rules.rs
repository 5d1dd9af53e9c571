//! To which archival each row belongs, and what becomes of rows that are not marked.

use std::time::Duration;

use sea_orm::DatabaseConnection;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    Database,
    sql::{count, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::{archivals, rows};

/// Posts with comments, both marked.
async fn posts(rows: &str) -> (Database, DatabaseConnection) {
    let ddl = "create table posts (id bigint primary key, deleted_at timestamptz, deleted_by text, reason text);
               create table comments (id bigint primary key, post_id bigint references posts, parent_id bigint references comments,
                                      deleted_at timestamptz, deleted_by text, reason text);";
    tables(&format!("{ddl} {rows}"), &[]).await
}

fn marked(table: &'static str) -> SoftDeleted {
    SoftDeleted::new(table)
        .deleted_at("deleted_at")
        .deleted_by("deleted_by")
        .reason("reason")
}

async fn adopt(db: &DatabaseConnection, tables: Vec<SoftDeleted>) -> Adopted {
    let adopted = SchemaManager::new(db).adopt_soft_deleted(tables).await;
    adopted.unwrap_or_else(|error| panic!("{error}"))
}

async fn groups(db: &DatabaseConnection) -> Vec<String> {
    let sql = "select string_agg(r.name, ' ' order by r.name) from (
                   select 'post ' || id as name, archival_id from deleted_posts
                   union all select 'comment ' || id, archival_id from deleted_comments) as r group by archival_id order by 1";
    texts(db, sql).await
}

const EQUAL: &str = "insert into posts values (1, '2024-01-01Z', 'a', 'spam');
    insert into comments values
        (1, 1, null, '2024-01-01Z', 'a', 'spam'), (2, 1, 1, '2024-01-01Z', null, null), (3, 1, null, '2024-01-01Z', 'b', null),
        (4, 1, null, '2024-01-01Z', null, 'other'), (5, 1, null, '2024-01-01 00:00:00.5Z', null, null), (6, 1, null, '2023-12-31Z', null, null)";

#[tokio::test]
async fn child_of_the_same_time_person_and_reason_belongs_to_its_parent() {
    let (_database, db) = posts(EQUAL).await;
    let before = rows(&db, &["posts", "comments"]).await;
    adopt(&db, vec![marked("posts"), marked("comments")]).await;
    assert_eq!(
        groups(&db).await,
        [
            "comment 1 comment 2 post 1",
            "comment 3",
            "comment 4",
            "comment 5",
            "comment 6"
        ]
    );
    let manager = SchemaManager::new(&db);
    manager
        .restore_soft_deleted(["posts", "comments"])
        .await
        .unwrap();
    assert_eq!(rows(&db, &["posts", "comments"]).await, before);
}

#[tokio::test]
async fn tolerance_joins_children_that_were_marked_around_their_parent() {
    let (_database, db) = posts(EQUAL).await;
    let before = rows(&db, &["posts", "comments"]).await;
    let comments = marked("comments").together_within(Duration::from_secs(1));
    // The order of the tables does not matter.
    adopt(&db, vec![comments, marked("posts")]).await;
    assert_eq!(
        groups(&db).await,
        [
            "comment 1 comment 2 comment 5 post 1",
            "comment 3",
            "comment 4",
            "comment 6"
        ]
    );
    let manager = SchemaManager::new(&db);
    manager
        .restore_soft_deleted(["posts", "comments"])
        .await
        .unwrap();
    assert_eq!(rows(&db, &["posts", "comments"]).await, before);
}

const LIVE: &str = "insert into posts values (1, '2024-01-01Z', 'a', 'spam'), (2, null, null, null);
    insert into comments values (1, 1, null, null, null, null), (2, null, 1, null, null, null), (3, 2, null, '2024-02-01Z', 'b', null)";

#[tokio::test]
async fn live_children_are_refused_until_they_are_archived_with_their_parent() {
    let (_database, db) = posts(LIVE).await;
    let before = rows(&db, &["posts", "comments"]).await;
    let manager = SchemaManager::new(&db);
    let error = manager
        .adopt_soft_deleted([marked("posts"), marked("comments")])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Migration Error: nothing was adopted, for 2 reasons:\n\
         - 1 rows of public.comments, such as {\"id\": 2}, are not marked and refer to marked rows of public.comments (foreign key \
         \"comments_parent_id_fkey\"): archive them with these rows, with `.live_children(LiveChildren::Archive)`, or mark or change them \
         first\n\
         - 1 rows of public.comments, such as {\"id\": 1}, are not marked and refer to marked rows of public.posts (foreign key \
         \"comments_post_id_fkey\"): archive them with these rows, with `.live_children(LiveChildren::Archive)`, or mark or change them first"
    );
    assert_eq!(rows(&db, &["posts", "comments"]).await, before);
    assert_eq!(count(&db, "archive.archived_table").await, 0);

    let comments = || marked("comments").live_children(LiveChildren::Archive);
    let adopted = adopt(&db, vec![marked("posts"), comments()]).await;
    assert_eq!(
        (adopted.tables[1].marked, adopted.tables[1].unmarked),
        (1, 2)
    );
    assert_eq!(
        groups(&db).await,
        ["comment 1 comment 2 post 1", "comment 3"]
    );
    manager
        .restore_soft_deleted(["posts", "comments"])
        .await
        .unwrap();
    assert_eq!(rows(&db, &["posts", "comments"]).await, before);
}

#[tokio::test]
async fn marked_child_of_a_live_parent_is_an_archival_of_its_own() {
    let (_database, db) = posts(
        "insert into posts values (1, null, null, null);
         insert into comments values (1, 1, null, '2024-02-01Z', 'b', 'rude'), (2, null, 2, '2024-03-01Z', null, null)",
    )
    .await;
    adopt(&db, vec![marked("posts"), marked("comments")]).await;
    assert_eq!(
        archivals(&db).await,
        [
            r#"public.comments {"id": 1} 2024-02-01 00:00:00 b rude {"public.comments": 1}"#,
            r#"public.comments {"id": 2} 2024-03-01 00:00:00 - - {"public.comments": 1}"#,
        ]
    );
}

#[tokio::test]
async fn ring_of_rows_is_refused() {
    let (_database, db) = posts(
        "insert into comments values (1, null, null, '2024-01-01Z', null, null), (2, null, 1, '2024-01-01Z', null, null);
         update comments set parent_id = 2 where id = 1",
    )
    .await;
    let error = SchemaManager::new(&db)
        .adopt_soft_deleted([marked("comments")])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains(
            "2 rows of public.comments, such as {\"id\": 1}, refer to each other in a ring"
        ),
        "{error}"
    );
}
