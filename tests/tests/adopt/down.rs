//! The `down` of an adoption.

use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::sql::{count, dumps, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::helpdesk::{TABLES, helpdesk, marked, rows, ticket};

const INDEXES: &str = "select indexdef from pg_indexes where schemaname = 'public' order by 1";
const CONSTRAINTS: &str = "select format('%s %s', conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace order by 1";

#[tokio::test]
async fn down_marks_every_row_as_before() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &TABLES).await;
    let objects = (texts(&db, INDEXES).await, texts(&db, CONSTRAINTS).await);
    manager.adopt_soft_deleted(marked()).await.unwrap();
    assert_eq!(manager.restore_soft_deleted(TABLES).await.unwrap(), 14);
    assert_eq!(rows(&db, &TABLES).await, before);
    assert_eq!(
        (texts(&db, INDEXES).await, texts(&db, CONSTRAINTS).await),
        objects
    );
    assert_eq!(count(&db, "archive.archival").await, 0);
    assert_eq!(count(&db, "archive.archived_table").await, 0);
    assert_eq!(manager.restore_soft_deleted(TABLES).await.unwrap(), 0);
    manager.adopt_soft_deleted(marked()).await.unwrap();
}

#[tokio::test]
async fn down_also_marks_rows_that_were_archived_since() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    manager.adopt_soft_deleted(marked()).await.unwrap();
    let archival = ticket::Entity::archive_by_id(3)
        .by(8)
        .reason("since")
        .exec(&db)
        .await
        .unwrap();
    manager.restore_soft_deleted(TABLES).await.unwrap();
    assert_eq!(
        texts(&db, "select concat(deleted_by, ' ', delete_reason) from tickets where id = 3 and deleted_at is not null").await,
        ["8 since"]
    );
    assert_eq!(
        count(
            &db,
            &format!(
                "archive.archival where id = {} and restored_at is not null",
                archival.id
            )
        )
        .await,
        1
    );
}

/// The marking columns are gone, so a second call may take the tables for ones without marks, as that of the command does.
#[tokio::test]
async fn second_adoption_without_marks_does_not_forget_how_rows_were_marked() {
    let (_database, db) = helpdesk().await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &TABLES).await;
    manager.adopt_soft_deleted(marked()).await.unwrap();
    let again = manager.adopt_soft_deleted(TABLES.map(SoftDeleted::unmarked));
    assert_eq!(again.await.unwrap().rows(), 0);
    assert_eq!(manager.restore_soft_deleted(TABLES).await.unwrap(), 14);
    assert_eq!(rows(&db, &TABLES).await, before);
}

/// The column with the person is gone, and so is its type.
#[tokio::test]
async fn second_adoption_without_marks_fits_any_type_of_the_person() {
    let (_database, db) = tables(
        "create table notes (id int primary key, deleted_at timestamptz, deleted_by text); insert into notes values (1, '2024-01-01Z', 'ada')",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let notes = SoftDeleted::new("notes")
        .deleted_at("deleted_at")
        .deleted_by("deleted_by");
    let before = rows(&db, &["notes"]).await;
    manager.adopt_soft_deleted([notes]).await.unwrap();
    let again = manager.adopt_soft_deleted([SoftDeleted::unmarked("notes")]);
    assert_eq!(again.await.unwrap().rows(), 0);
    manager.restore_soft_deleted(["notes"]).await.unwrap();
    assert_eq!(rows(&db, &["notes"]).await, before);
}

const POSTS: &str = "create table posts (id bigint primary key, slug text, deleted_at timestamptz, reason text);
    create unique index posts_slug on posts (slug) where deleted_at is null;
    create table comments (id bigint primary key, post_id bigint references posts, deleted_at timestamptz, reason text);
    insert into posts values (1, 'a', null, null), (2, 'a', '2024-01-01Z', 'spam');
    insert into comments values (1, 1, null, null), (2, 2, '2024-01-01Z', 'spam'), (3, 2, '2024-01-01Z', null)";

fn posts() -> [SoftDeleted; 2] {
    ["posts", "comments"].map(|table| {
        SoftDeleted::new(table)
            .deleted_at("deleted_at")
            .reason("reason")
    })
}

/// What a later migration changed, and what the `down` says of it. The rows stay archived until it is undone.
#[tokio::test]
async fn down_after_a_later_migration_is_refused_until_that_one_is_undone() {
    for (change, undo, what) in [
        (
            "alter table posts rename to articles; alter table deleted_posts rename to deleted_articles;
             create table posts (id bigint primary key, slug text, deleted_at timestamptz)",
            "drop table posts; alter table articles rename to posts; alter table deleted_articles rename to deleted_posts",
            "public.articles was called public.posts when it was adopted",
        ),
        (
            "alter table posts rename id to pid; alter table deleted_posts rename id to pid",
            "alter table posts rename pid to id; alter table deleted_posts rename pid to id",
            "1 archivals have reasons of rows of public.posts by their primary key, which a later migration renamed or changed",
        ),
        (
            "alter table comments rename id to cid; alter table deleted_comments rename id to cid",
            "alter table comments rename cid to id; alter table deleted_comments rename cid to id",
            "1 archivals have reasons of rows of public.comments by their primary key",
        ),
        (
            "alter table posts rename slug to name; alter table deleted_posts rename slug to name",
            "alter table posts rename name to slug; alter table deleted_posts rename name to slug",
            "column \"slug\" does not exist; undo what was changed of public.posts since its adoption",
        ),
        (
            "alter table posts drop slug",
            "alter table posts add slug text; update posts set slug = 'a'",
            "it has a column \"slug\" that the table does not have",
        ),
        (
            "alter table comments add reason text",
            "alter table comments drop reason",
            "the archive table public.deleted_comments no longer fits public.comments: it lacks the column \"reason\" text",
        ),
        (
            "alter table comments add reason text; alter table deleted_comments add reason text",
            "alter table comments drop reason; alter table deleted_comments drop reason",
            "\"reason\" of public.comments was added since the adoption, which dropped it: rename it for this call",
        ),
    ] {
        let (_database, db) = tables(POSTS, &[]).await;
        let manager = SchemaManager::new(&db);
        let before = rows(&db, &["posts", "comments"]).await;
        let indexes = texts(&db, INDEXES).await;
        manager.adopt_soft_deleted(posts()).await.unwrap();
        run(&db, change).await;
        let table = match change.contains("articles") {
            true => "articles",
            false => "posts",
        };
        let archived = [format!("deleted_{table}"), "deleted_comments".to_owned()];
        let archived = archived.each_ref().map(String::as_str);
        let stored = dumps(&db, &archived).await;
        let error = manager.restore_soft_deleted([table, "comments"]).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert_eq!(dumps(&db, &archived).await, stored);
        run(&db, undo).await;
        let done = manager.restore_soft_deleted(["posts", "comments"]).await;
        assert_eq!(done.unwrap(), 3, "{change}");
        assert_eq!(rows(&db, &["posts", "comments"]).await, before);
        assert_eq!(texts(&db, INDEXES).await, indexes);
    }
}

/// Only a schema before `pg_catalog` has a chance: `IN` cannot be qualified, and the rows would come back without their marks.
#[tokio::test]
async fn down_compares_times_with_the_operator_of_postgres() {
    let (_database, db) = tables(POSTS, &[]).await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &["posts", "comments"]).await;
    manager.adopt_soft_deleted(posts()).await.unwrap();
    run(
        &db,
        "create function hostile(timestamptz, timestamptz) returns boolean language sql as 'select true';
         create operator = (leftarg = timestamptz, rightarg = timestamptz, function = hostile)",
    )
    .await;
    let transaction = db.begin().await.unwrap();
    run(&transaction, "set local search_path = public, pg_catalog").await;
    SchemaManager::new(&transaction)
        .restore_soft_deleted(["posts", "comments"])
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(rows(&db, &["posts", "comments"]).await, before);
}

/// A default is not evaluated: it may call a function of the owner of the table, and active rows had no value.
#[tokio::test]
async fn down_leaves_active_rows_without_the_default_of_a_column() {
    let (_database, db) = tables(
        "create sequence calls;
         create function called() returns text language sql as 'select nextval(''calls'')::text';
         create table posts (id bigint primary key, deleted_at timestamptz, reason text default called(), gone boolean not null default true);
         insert into posts values (1, null, null, false), (2, '2024-01-01Z', 'spam', true)",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &["posts"]).await;
    let posts = SoftDeleted::new("posts")
        .deleted_at("deleted_at")
        .reason("reason")
        .when("gone");
    manager.adopt_soft_deleted([posts]).await.unwrap();
    manager.restore_soft_deleted(["posts"]).await.unwrap();
    assert_eq!(rows(&db, &["posts"]).await, before);
    assert_eq!(
        texts(&db, "select is_called::text from calls").await,
        ["false"]
    );
    run(&db, "insert into posts (id) values (3)").await;
    assert_eq!(
        count(&db, "posts where id = 3 and reason = '1' and gone").await,
        1
    );
}
