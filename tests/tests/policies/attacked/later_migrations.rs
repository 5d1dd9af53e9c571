//! Migrations between the archive and the restore, and sets of archivals.

use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::kit::both;
use super::kit::{FORUM, no_raw, sound};
use crate::policies::forum::{EVERYTHING, comment, file, forum, post};

#[tokio::test]
async fn a_deferred_unique_constraint() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts drop constraint posts_slug, add constraint posts_slug unique (slug) deferrable initially deferred").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    both!(&db, "deferred", EVERYTHING, post::Entity::restore_by_id(1)).unwrap_err();
    both!(
        &db,
        "deferred",
        EVERYTHING,
        post::Entity::restore_by_id(1).as_new()
    )
    .unwrap_err();
    both!(
        &db,
        "deferred",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
}

#[tokio::test]
async fn columns_come_and_go_between_archive_and_restore() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "alter table posts add column extra text not null default 'e'; alter table deleted_posts add column extra text not null default 'e';
        alter table comments drop column author_id; alter table files rename column name to title; alter table deleted_files rename column name to title").await;
    let done = both!(
        &db,
        "old column",
        EVERYTHING,
        post::Entity::restore_by_id(1).set_every(file::Column::Name, "x")
    );
    if let Err(error) = &done {
        no_raw(error);
    }
    let done = both!(
        &db,
        "dropped column",
        EVERYTHING,
        post::Entity::restore_by_id(1).set_every(comment::Column::AuthorId, 2)
    );
    if let Err(error) = &done {
        no_raw(error);
    }
    let done = both!(
        &db,
        "copy",
        EVERYTHING,
        post::Entity::restore_by_id(1).as_new()
    );
    if let Err(error) = &done {
        no_raw(error);
    }
}

#[tokio::test]
async fn a_child_table_is_dropped_between() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "drop table files").await;
    run(
        &db,
        "insert into comments (id, post_id, mark) values (4, 3, 'four')",
    )
    .await;
    let tables = [
        "posts",
        "comments",
        "deleted_posts",
        "deleted_comments",
        "deleted_files",
        "archive.archival",
        "tags",
        "deleted_tags",
    ];
    let _done = both!(
        &db,
        "skip",
        tables,
        archival::Entity::restore_by_id(archival.id).skip_conflicting()
    );
    let _left = texts(&db, "select d.comment_id || ' ' || coalesce(a.restored_at::text, 'open') from deleted_files d join archive.archival a on a.id = d.archival_id order by 1").await;
}

#[tokio::test]
async fn the_key_of_the_root_is_renamed_between() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "alter table posts rename column id to nid; alter table deleted_posts rename column id to nid; alter table comments rename column id to nid; alter table deleted_comments rename column id to nid").await;
    run(&db, "insert into comments (nid, post_id, mark) values (4, 3, 'four'); insert into posts (author_id, slug) values (2, 'first')").await;
    let tables = [
        "posts",
        "comments",
        "files",
        "deleted_posts",
        "deleted_comments",
        "deleted_files",
        "archive.archival",
        "tags",
        "deleted_tags",
    ];
    let done = archival::Entity::restore_by_id(archival.id)
        .as_new()
        .set(post::Column::Slug, "x")
        .rename(comment::Column::Mark, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(done.rows["public.comments"], 4);
    let done = both!(
        &db,
        "skip",
        tables,
        archival::Entity::restore_by_id(archival.id)
            .set(post::Column::Slug, "y")
            .rename(comment::Column::Mark, "-{n}")
            .skip_conflicting()
    )
    .unwrap();
    assert_eq!((done.stayed.len(), done.rows["public.comments"]), (1, 3));
}

#[tokio::test]
async fn restore_many_with_everything() {
    let (_d, db) = forum().await;
    run(&db, "insert into posts (id, author_id, slug) values (10, 1, 'a'), (11, 1, 'b'); insert into comments (id, post_id, mark, reply_to) values (20, 10, 'p', null), (21, 11, 'q', 20), (22, 11, 'r', 21)").await;
    for id in [10, 11, 1, 2] {
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    // 'a' is archived twice.
    run(&db, "insert into posts (id, author_id, slug) values (12, 1, 'a'); insert into comments (id, post_id, mark) values (20, 3, 'taken')").await;
    post::Entity::archive_by_id(12).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let restore = post::Entity::restore_many()
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting()
        .set_every(comment::Column::AuthorId, 3);
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let done = restore.exec(&db).await.unwrap();
    assert_eq!(preview.changes, done.changes);
    assert_eq!(preview.rows, done.rows);
    assert_eq!(preview.waiting, done.waiting);
    sound(&db, &FORUM, "many").await;
    assert_eq!(
        number(
            &db,
            "select (select count(*) from comments) + (select count(*) from deleted_comments)"
        )
        .await,
        9
    );
    assert!(done.missing.is_empty(), "{:?}", done.missing);
}

#[tokio::test]
async fn batches_with_policies() {
    let (_d, db) = forum().await;
    for id in [1, 2, 3] {
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'), (2, 'second')",
    )
    .await;
    let mut batches = post::Entity::restore_many()
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting()
        .in_batches(1);
    let mut n = 0;
    while batches.next(&db).await.unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, 3);
    assert_eq!(
        texts(&db, "select slug from posts order by 1").await,
        ["first", "first-2", "second", "second-2", "third"]
    );
}
