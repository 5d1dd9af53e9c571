//! Other values, other parents, and names that are free.

use sea_orm::EntityTrait;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};
use serde_json::json;

use super::forum::{EVERYTHING, comment, forum, post, user};

#[tokio::test]
async fn a_root_comes_back_with_another_value() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let restore = post::Entity::restore_by_id(1).set(post::Column::Slug, "first-2");
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(preview.conflicts, []);
    let [change] = preview.changes.as_slice() else {
        panic!("{:?}", preview.changes)
    };
    assert_eq!(
        (change.table.as_str(), &change.key, &change.from, &change.to),
        (
            "public.posts",
            &json!({"id": 1}),
            &json!({"slug": "first"}),
            &json!({"slug": "first-2"})
        )
    );
    assert_eq!(
        dumps(&db, &EVERYTHING).await,
        before,
        "a preview changes nothing"
    );
    let restored = restore.exec(&db).await.unwrap();
    assert_eq!(restored.changes, preview.changes);
    assert_eq!(restored.rows["public.comments"], 4);
    assert!(restored.missing.is_empty());
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-2"]
    );
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 1").await,
        4
    );
}

#[tokio::test]
async fn every_row_of_a_table_comes_back_with_another_value() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into comments (post_id, mark) values (2, 'A')").await;
    let restored = sea_orm_archive::archival::Entity::restore_by_id(archival.id)
        .set_every(comment::Column::Mark, "")
        .set(post::Column::AuthorId, 3)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.changes.len(), 5);
    let marks = texts(
        &db,
        "select mark from comments where post_id = 1 and mark <> ''",
    )
    .await;
    assert_eq!(marks, Vec::<String>::new());
    assert_eq!(
        number(&db, "select author_id from posts where id = 1").await,
        3
    );
}

#[tokio::test]
async fn a_taken_name_gets_the_first_free_suffix() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'), (2, 'first-2'), (2, 'first-4');
         insert into comments (post_id, mark) values (2, 'B'), (2, 'b-2')",
    )
    .await;
    let restore = post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .rename(comment::Column::Mark, "-{n}");
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(preview.conflicts, []);
    let restored = restore.exec(&db).await.unwrap();
    assert_eq!(restored.changes, preview.changes);
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-3"]
    );
    // The index is on lower(mark): 'b-2' is taken by 'b-2', and 'b' by 'B'.
    let marks = texts(
        &db,
        "select mark from comments where post_id = 1 order by id",
    )
    .await;
    assert_eq!(marks, ["a", "b-3", "c", "d"]);
}

#[tokio::test]
async fn a_long_name_is_cut_before_its_suffix() {
    let (_database, db) = forum().await;
    run(&db, "update posts set slug = 'abcdefghijkl' where id = 1").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'abcdefghijkl'), (2, 'abcdefghij-2')",
    )
    .await;
    post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["abcdefghij-3"]
    );
}

#[tokio::test]
async fn a_suffix_without_a_number_is_tried_once() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'), (2, 'first-old')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let restore = post::Entity::restore_by_id(1).rename(post::Column::Slug, "-old");
    let error = restore.clone().exec(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::Restore { conflicts, .. })
            if matches!(conflicts.as_slice(), [Conflict::Unique { .. }])),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    run(&db, "delete from posts where slug = 'first-old'").await;
    restore.exec(&db).await.unwrap();
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-old"]
    );
}

#[tokio::test]
async fn rows_come_back_below_another_parent() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // Bob and his own post are gone for good.
    run(
        &db,
        "delete from posts where author_id = 2; delete from users where id = 2",
    )
    .await;
    let error = post::Entity::restore_by_id(1).exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
    let restored = post::Entity::restore_by_id(1)
        .remap(user::Entity, 2, 3)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.changes.len(), 2);
    assert_eq!(
        number(
            &db,
            "select count(*) from comments where post_id = 1 and author_id = 3"
        )
        .await,
        4
    );
}

#[tokio::test]
async fn a_parent_that_does_not_exist_is_a_conflict() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let error = post::Entity::restore_by_id(1)
        .remap(user::Entity, 1, 99)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::Restore { conflicts, .. })
            if matches!(conflicts.as_slice(), [Conflict::MissingParent { parent_key, .. }] if parent_key["id"] == 99)),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    assert_eq!(user::Entity::find().all(&db).await.unwrap().len(), 3);
}
