//! What an adoption refuses: it changes nothing, and does what the error says works.

use sea_orm::{DatabaseConnection, sea_query::ColumnType};
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    sql::{count, run, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::rows;

const POSTS: &str = "create table posts (id int primary key, slug text, deleted_at timestamptz);
    create table likes (id int primary key, post_id int references posts on delete cascade);
    insert into posts values (1, 'a', '2024-01-01Z'), (2, 'a', null);";

fn posts() -> SoftDeleted {
    SoftDeleted::new("posts").deleted_at("deleted_at")
}

/// The problem is in the preview and in the error, and nothing changes.
async fn refused(db: &DatabaseConnection, what: &str) {
    let manager = SchemaManager::new(db);
    let before = rows(db, &["posts", "likes"]).await;
    let preview = manager.preview_adopt([posts()]).await.unwrap();
    assert!(
        preview
            .problems
            .iter()
            .any(|problem| problem.contains(what)),
        "{preview:?}"
    );
    let error = manager.adopt_soft_deleted([posts()]).await.unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    assert_eq!(rows(db, &["posts", "likes"]).await, before);
    assert_eq!(count(db, "archive.archival").await, 0);
    assert_eq!(count(db, "archive.archived_table").await, 0);
}

async fn adopted(db: &DatabaseConnection) {
    let done = SchemaManager::new(db).adopt_soft_deleted([posts()]).await;
    assert_eq!(done.unwrap().rows(), 1);
}

#[tokio::test]
async fn rows_of_other_tables_that_refer_to_marked_rows() {
    let (_database, db) = tables(
        &format!("{POSTS} insert into likes values (1, 1), (2, 1), (3, 2)"),
        &[],
    )
    .await;
    refused(
        &db,
        "2 rows of public.likes(post_id) refer to rows of public.posts that would leave it, and would be deleted (foreign key \
         \"likes_post_id_fkey\"): adopt public.likes in the same call, with `SoftDeleted::unmarked(\"likes\")`",
    )
    .await;
    let manager = SchemaManager::new(&db);
    let done = manager
        .adopt_soft_deleted([posts(), SoftDeleted::unmarked("likes")])
        .await
        .unwrap();
    assert_eq!((done.archivals, done.rows()), (1, 3));
}

#[tokio::test]
async fn trigger_that_fires_on_delete() {
    let (_database, db) = tables(
        &format!(
            "{POSTS} create table counted (n int); insert into counted values (0);
             create function count_posts() returns trigger language plpgsql as 'begin update counted set n = n + 1; return old; end';
             create trigger count_posts after delete on posts for each row execute function count_posts();"
        ),
        &[],
    )
    .await;
    refused(
        &db,
        "the trigger \"count_posts\" of public.posts fires on DELETE",
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.begin_adoption([posts()]).await.unwrap();
    manager
        .suspend_trigger(SuspendedTrigger::new("posts", "count_posts"))
        .await
        .unwrap();
    adopted(&db).await;
    assert_eq!(count(&db, "counted where n = 0").await, 1);
    assert_eq!(texts(&db, "select column_name::text from information_schema.columns where table_name = 'deleted_posts' order by ordinal_position").await,
        ["id", "slug", "deleted_at", "deleted_by", "archival_id"]);
}

#[tokio::test]
async fn objects_that_depend_on_the_mark() {
    let (_database, db) = tables(
        &format!(
            "{POSTS} create view live as select id from posts where deleted_at is null;
             create unique index odd on posts (slug, deleted_at);
             create unique index other on posts (slug) where deleted_at > '2020-01-01Z';
             alter table posts add constraint both_set check (slug is not null or deleted_at is null);
             create policy open on posts using (deleted_at is null);"
        ),
        &[],
    )
    .await;
    for (what, statement) in [
        (
            "the view public.live depends on a marking column of public.posts",
            "drop view live",
        ),
        (
            "the index \"odd\" depends on the marking columns of public.posts in another way",
            "drop index odd",
        ),
        (
            "the index \"other\" depends on the marking columns of public.posts in another way",
            "drop index other",
        ),
        (
            "the constraint \"both_set\" of public.posts depends on a marking column and on others",
            "alter table posts drop constraint both_set",
        ),
        (
            "the policy open on table public.posts depends on a marking column",
            "drop policy open on posts",
        ),
    ] {
        refused(&db, what).await;
        run(&db, statement).await;
    }
    adopted(&db).await;
}

#[tokio::test]
async fn rules_and_triggers_that_change_rows() {
    let (_database, db) = tables(
        &format!("{POSTS} create rule none as on delete to posts do instead nothing"),
        &[],
    )
    .await;
    refused(&db, "public.posts has rewrite rules").await;
    run(&db, "drop rule none on posts").await;
    let manager = SchemaManager::new(&db);
    manager.begin_adoption([posts()]).await.unwrap();
    let trigger = |time: &str, body: &str| {
        format!(
            "create or replace function other() returns trigger language plpgsql as $$begin {body}; return new; end$$;
             create or replace trigger other {time} insert on deleted_posts for each row execute function other()"
        )
    };
    for (time, body, what) in [
        (
            "before",
            "new.slug := 'other'",
            "the trigger other may drop or change its rows",
        ),
        (
            "after",
            "update posts set slug = 'other'",
            "had 2 rows before and 2 after, or other values in them",
        ),
        (
            "after",
            "delete from posts",
            "had 2 rows before and 1 after",
        ),
        (
            "after",
            "delete from deleted_posts",
            "skipped or changed rows that were to be moved",
        ),
    ] {
        run(&db, &trigger(time, body)).await;
        let before = rows(&db, &["posts"]).await;
        let error = manager.adopt_soft_deleted([posts()]).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(rows(&db, &["posts"]).await, before);
    }
    run(&db, "drop trigger other on deleted_posts").await;
    adopted(&db).await;
}

/// The last pass compares all rows only where the archive table was empty.
#[tokio::test]
async fn trigger_that_deletes_what_a_batch_has_moved() {
    let (_database, db) = tables(
        &format!("{POSTS} insert into posts values (3, 'b', '2024-01-02Z')"),
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.begin_adoption([posts()]).await.unwrap();
    let create = "create or replace function lose() returns trigger language plpgsql as 'begin delete from deleted_posts where id = new.id; return null; end';
        create trigger lose after insert on deleted_posts for each row execute function lose()";
    let what =
        "a trigger or a rule of public.posts or of its archive table skipped or changed rows";
    run(&db, create).await;
    let error = manager.adopt_batch([posts()], 1).await.unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    run(&db, "drop trigger lose on deleted_posts").await;
    // A batch of no rows moves one, too.
    let batch = manager.adopt_batch([posts()], 0).await.unwrap();
    assert_eq!((batch.adopted.rows(), batch.left), (1, 1));
    run(&db, create).await;
    let error = manager.adopt_soft_deleted([posts()]).await.unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    run(&db, "drop trigger lose on deleted_posts").await;
    adopted(&db).await;
    assert_eq!(count(&db, "deleted_posts").await, 2);
}

#[tokio::test]
async fn down_of_what_cannot_be_marked() {
    let (_database, db) = tables(POSTS, &[]).await;
    let manager = SchemaManager::new(&db);
    manager.archive_existing_table("likes").await.unwrap();
    let error = manager.restore_soft_deleted(["likes"]).await.unwrap_err();
    assert!(
        error.to_string().contains("public.likes was not adopted"),
        "{error}"
    );
    manager.adopt_soft_deleted([posts()]).await.unwrap();
    // An archival with rows of a table that is not named.
    run(
        &db,
        "with m as (insert into archive.archival (root_table, root_key, archived_at, row_counts, tables)
                    values ('public.posts', '{\"id\": 3}', now(), '{}', '{posts,likes}') returning id)
         insert into deleted_posts select 3, 'b', now(), null, m.id from m",
    )
    .await;
    let error = manager.restore_soft_deleted(["posts"]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("archivals with rows of public.posts also have rows of public.likes"),
        "{error}"
    );
    assert_eq!(count(&db, "deleted_posts").await, 2);
}

#[tokio::test]
async fn table_without_a_primary_key() {
    let (_database, db) = tables(
        "create table notes (id int, deleted_at timestamptz); insert into notes values (1, now())",
        &[],
    )
    .await;
    let notes = || [SoftDeleted::new("notes").deleted_at("deleted_at")];
    let manager = SchemaManager::new(&db);
    for error in [
        manager.preview_adopt(notes()).await.unwrap_err(),
        manager.begin_adoption(notes()).await.unwrap_err(),
        manager.adopt_soft_deleted(notes()).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("has no primary key"), "{error}");
    }
    run(&db, "alter table notes add primary key (id)").await;
    let adopted = manager.adopt_soft_deleted(notes()).await.unwrap();
    assert_eq!(adopted.rows(), 1);
}

#[tokio::test]
async fn type_of_the_person_that_is_declared_otherwise() {
    let (_database, db) = tables(
        "create table notes (id int primary key, deleted_at timestamptz, deleted_by int);
         insert into notes values (1, '2024-01-01Z', 7), (2, null, null)",
        &[],
    )
    .await;
    let notes = |of_person| {
        let table = ExistingTable::new("notes").deleted_by(of_person);
        [SoftDeleted::new(table)
            .deleted_at("deleted_at")
            .deleted_by("deleted_by")]
    };
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &["notes"]).await;
    for error in [
        manager
            .preview_adopt(notes(ColumnType::Text))
            .await
            .unwrap_err(),
        manager
            .begin_adoption(notes(ColumnType::Text))
            .await
            .unwrap_err(),
        manager
            .adopt_soft_deleted(notes(ColumnType::Text))
            .await
            .unwrap_err(),
    ] {
        let what = "\"deleted_by\" of public.notes is integer, and `deleted_by` of its archive table was declared as text: \
                    declare the same type";
        assert!(error.to_string().contains(what), "{error}");
    }
    assert_eq!(rows(&db, &["notes"]).await, before);
    assert_eq!(count(&db, "archive.archived_table").await, 0);
    manager
        .adopt_soft_deleted(notes(ColumnType::Integer))
        .await
        .unwrap();
    assert_eq!(
        texts(
            &db,
            "select format('%s %s', id, deleted_by) from deleted_notes"
        )
        .await,
        ["1 7"]
    );
}

#[tokio::test]
async fn table_that_is_named_twice_or_marked_by_its_key() {
    let (_database, db) = tables(
        &format!("{POSTS} alter table posts add marked timestamptz generated always as (deleted_at) stored"),
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    let before = rows(&db, &["posts", "likes"]).await;
    let no_mark = "is generated or part of the primary key, and no mark";
    for (tables, what) in [
        (
            vec![posts(), SoftDeleted::unmarked(("public", "posts"))],
            "public.posts is in the adoption twice".to_owned(),
        ),
        (
            vec![SoftDeleted::new("posts").deleted_at("marked")],
            format!("public.posts: \"marked\" {no_mark}"),
        ),
        (
            vec![posts().reason("id")],
            format!("public.posts: \"id\" {no_mark}"),
        ),
    ] {
        for error in [
            manager.preview_adopt(tables.clone()).await.unwrap_err(),
            manager.begin_adoption(tables.clone()).await.unwrap_err(),
            manager.adopt_soft_deleted(tables).await.unwrap_err(),
        ] {
            assert!(error.to_string().contains(&what), "{error}");
        }
    }
    assert_eq!(rows(&db, &["posts", "likes"]).await, before);
    assert_eq!(count(&db, "archive.archived_table").await, 0);
    run(&db, "alter table posts drop column marked").await;
    adopted(&db).await;
}

/// What the adoption refuses before it counts rows, the preview and the batches refuse too.
#[tokio::test]
async fn preview_and_batches_refuse_the_tables_and_declarations_that_the_adoption_refuses() {
    let (_database, db) = tables(
        "create table pages (id int primary key, deleted_at timestamptz); create table deleted_pages (id int);
         create table logs (id int, at date, deleted_at timestamptz, primary key (id, at)) partition by range (at);
         create table log_1 partition of logs default;
         create table notes (id int primary key, status text, deleted_at timestamptz, spans timestamptz[]);
         create table more_notes () inherits (notes);
         create table files (id int primary key, status text, deleted_at timestamptz, spans timestamptz[])",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    for (declared, what) in [
        (
            SoftDeleted::new("log_1").deleted_at("deleted_at"),
            "public.log_1 is a partition: archive the partitioned table",
        ),
        (
            SoftDeleted::new("notes").deleted_at("deleted_at"),
            "public.notes has tables that inherit from it",
        ),
        (
            SoftDeleted::new("pages").deleted_at("deleted_at"),
            "there is a public.deleted_pages already, and it does not fit as the archive table of public.pages",
        ),
        (
            SoftDeleted::new("files").status("status", "gone", "here"),
            "public.files has a column \"deleted_at\", which the adoption does not drop: give the archive table's another name",
        ),
        (
            SoftDeleted::new("files")
                .deleted_at("deleted_at")
                .reason("deleted_at"),
            "public.files: \"deleted_at\" is declared twice",
        ),
        (
            SoftDeleted::new("files").deleted_at("spans"),
            "public.files: \"spans\" is timestamp with time zone[], and a time is needed",
        ),
    ] {
        for error in [
            manager.preview_adopt([declared.clone()]).await.unwrap_err(),
            manager
                .begin_adoption([declared.clone()])
                .await
                .unwrap_err(),
            manager.adopt_soft_deleted([declared]).await.unwrap_err(),
        ] {
            assert!(error.to_string().contains(what), "{error}");
        }
    }
    let files = || [SoftDeleted::new("files").deleted_at("deleted_at")];
    manager.begin_adoption(files()).await.unwrap();
    run(&db, "alter table files add note text").await;
    for error in [
        manager.preview_adopt(files()).await.unwrap_err(),
        manager.adopt_batch(files(), 10).await.unwrap_err(),
        manager.adopt_soft_deleted(files()).await.unwrap_err(),
    ] {
        let what = "the archive table public.deleted_files no longer fits public.files: it lacks the column \"note\" text; call \
                    `manager.sync_archived_table(..)`";
        assert!(error.to_string().contains(what), "{error}");
    }
    manager.sync_archived_table("files").await.unwrap();
    manager.adopt_batch(files(), 10).await.unwrap();
    manager.adopt_soft_deleted(files()).await.unwrap();
}

/// DROP COLUMN would drop them without an error, and the table has no definition of them.
#[tokio::test]
async fn objects_of_a_partition_that_depend_on_the_mark() {
    let (_database, db) = tables(
        "create table posts (id int, slug text, deleted_at timestamptz, constraint kept check (deleted_at > '2000-01-01Z'), primary key (id, slug))
             partition by list (slug);
         create unique index posts_slug on posts (slug, id) where deleted_at is null;
         create table posts_a partition of posts for values in ('a');
         create table likes (id int primary key);
         create unique index own on posts_a (id) where deleted_at is null;
         alter table posts_a add constraint later check (deleted_at > '2010-01-01Z');
         create view of_a as select deleted_at from posts_a;
         insert into posts values (1, 'a', '2024-01-01Z'), (2, 'a', null)",
        &[],
    )
    .await;
    for (what, statement) in [
        (
            "the index public.own depends on a marking column",
            "drop index own",
        ),
        (
            "the constraint later on table public.posts_a depends on a marking column",
            "alter table posts_a drop constraint later",
        ),
        (
            "of_a depends on a marking column of public.posts",
            "drop view of_a",
        ),
    ] {
        refused(&db, what).await;
        run(&db, statement).await;
    }
    adopted(&db).await;
}

#[tokio::test]
async fn view_whose_name_is_taken() {
    let (_database, db) = tables(
        &format!("{POSTS} create view all_posts as select 1 as one"),
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    for name in ["posts", "all_posts"] {
        let declared = posts().compatibility_view(name);
        let what =
            format!("the view \"public\".\"{name}\" for readers of public.posts cannot be created");
        let preview = manager.preview_adopt([declared.clone()]).await.unwrap();
        assert!(preview.problems[0].contains(&what), "{preview:?}");
        let error = manager.adopt_soft_deleted([declared]).await.unwrap_err();
        assert!(error.to_string().contains(&what), "{error}");
    }
    let declared = posts().compatibility_view("every_post");
    manager.adopt_soft_deleted([declared]).await.unwrap();
    assert_eq!(count(&db, "every_post").await, 2);
}
