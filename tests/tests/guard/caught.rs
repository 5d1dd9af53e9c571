//! `Guard::catch()`: what is deleted past the archive can be restored.

use blog::{comment, post};
use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::Guard;
use sea_orm_archive_tests::sql::{count, run, texts};

use crate::guard::{assert_finished, contents, guarded};

/// The archivals that are not restored: the root, the counts, the reason.
async fn archivals(db: &impl ConnectionTrait) -> Vec<String> {
    texts(db, "select concat_ws(' ', root_table, root_key, row_counts, tables) from archive.archival where restored_at is null order by id").await
}

#[tokio::test]
async fn cascade_is_one_archival_for_each_root() {
    let (_database, db) = guarded(Guard::catch()).await;
    let before = contents(&db).await;
    run(&db, "delete from posts where id < 3").await;
    assert_eq!(
        archivals(&db).await,
        [
            r#"public.posts {"id": 1} {"public.likes": 1, "public.posts": 1, "public.comments": 1, "public.post_tags": 1} {posts,likes,comments,post_tags}"#,
            r#"public.posts {"id": 2} {"public.posts": 1, "public.comments": 1, "public.post_tags": 1} {posts,comments,post_tags}"#,
        ]
    );
    assert_eq!(
        count(
            &db,
            "archive.archival where reason like 'caught: DELETE by the role %'"
        )
        .await,
        2
    );
    assert_finished(&db).await;
    post::Entity::restore_by_id(2).exec(&db).await.unwrap();
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn children_before_their_parents_are_one_archival() {
    let (_database, db) = guarded(Guard::catch()).await;
    let before = contents(&db).await;
    let txn = db.begin().await.unwrap();
    for statement in [
        "delete from likes",
        "delete from comments where id = 1",
        "delete from post_tags",
        "delete from posts where id = 1",
    ] {
        run(&txn, statement).await;
    }
    txn.commit().await.unwrap();
    assert_eq!(
        archivals(&db).await,
        [
            r#"public.post_tags {"tag_id": 1, "post_id": 2} {"public.post_tags": 1} {post_tags}"#,
            r#"public.posts {"id": 1} {"public.likes": 1, "public.posts": 1, "public.comments": 1, "public.post_tags": 1} {posts,likes,comments,post_tags}"#,
        ]
    );
    assert_finished(&db).await;
    post::Entity::restore_many().exec(&db).await.unwrap();
    blog::post_tag::Entity::restore_many()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn truncate_is_caught() {
    let (_database, db) = guarded(Guard::catch()).await;
    let before = contents(&db).await;
    run(&db, "truncate posts cascade").await;
    assert_eq!(count(&db, "posts").await, 0);
    assert_eq!(archivals(&db).await.len(), 3);
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn archives_restores_and_purges_pass_and_are_not_caught() {
    let (_database, db) = guarded(Guard::catch()).await;
    let before = contents(&db).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(count(&db, "archive.archival").await, 3);
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
    assert_eq!(count(&db, "archive.archival").await, 3);
    run(&db, "delete from comments").await;
    comment::Entity::purge_many().exec(&db).await.unwrap();
    assert_eq!(
        count(&db, "deleted_likes").await + count(&db, "deleted_comments").await,
        0
    );
    assert_finished(&db).await;
}

#[tokio::test]
async fn rolled_back_savepoint_leaves_nothing() {
    let (_database, db) = guarded(Guard::catch()).await;
    let before = contents(&db).await;
    let txn = db.begin().await.unwrap();
    run(&txn, "savepoint one; delete from posts where id = 1; rollback to one; delete from posts where id = 3").await;
    run(
        &txn,
        "savepoint two; delete from posts where id = 2; rollback to two",
    )
    .await;
    txn.commit().await.unwrap();
    assert_eq!(
        archivals(&db).await,
        [r#"public.posts {"id": 3} {"public.posts": 1} {posts}"#]
    );
    assert_finished(&db).await;
    post::Entity::restore_by_id(3).exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn immediate_constraints_record_what_was_caught_until_then() {
    let (_database, db) = guarded(Guard::catch()).await;
    let before = contents(&db).await;
    let txn = db.begin().await.unwrap();
    run(
        &txn,
        "set constraints all immediate; delete from posts where id = 1",
    )
    .await;
    assert_eq!(count(&txn, "archive.archival").await, 0);
    run(&txn, "set constraints all immediate").await;
    assert_eq!(count(&txn, "archive.archival").await, 1);
    run(&txn, "delete from posts where id = 2").await;
    txn.commit().await.unwrap();
    assert_eq!(archivals(&db).await.len(), 2);
    assert_finished(&db).await;
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}
