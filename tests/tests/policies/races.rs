//! Restores with changes beside other calls.

use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{number, run, texts};

use super::forum::{comment, forum, post};

#[tokio::test]
async fn a_part_is_taken_before_the_others_are_restored() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let part = || {
        comment::Entity::restore_by_id(4)
            .as_part()
            .set(comment::Column::PostId, 2)
    };
    let (_, whole) = race! { database;
        first holds |txn| part().exec(txn);
        second waits for first |db| archival.restore(db);
        first commits;
    };
    assert_eq!(whole.unwrap().rows["public.comments"], 3);
    assert_eq!(
        number(&db, "select post_id from comments where id = 4").await,
        2
    );
}

#[tokio::test]
async fn a_part_of_what_was_restored_meanwhile_is_not_archived() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, part) = race! { database;
        first holds |txn| archival.restore(txn);
        second waits for first |db| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(db);
        first commits;
    };
    assert!(
        matches!(
            part,
            Err(Error::Conflict(ConflictError::NotArchived { .. }))
        ),
        "{part:?}"
    );
    assert_eq!(
        number(&db, "select post_id from comments where id = 4").await,
        1
    );
}

#[tokio::test]
async fn copies_are_not_taken_of_what_is_purged_meanwhile() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, copies) = race! { database;
        first holds |txn| archival.purge(txn);
        second waits for first |db| post::Entity::restore_by_id(1).as_new().exec(db);
        first commits;
    };
    assert_eq!(copies.unwrap_err().http_status(), 404);
    assert_eq!(number(&db, "select count(*) from posts").await, 2);
    assert_eq!(
        number(&db, "select count(*) from archive.archival").await,
        1
    );
}

#[tokio::test]
async fn a_name_that_is_taken_meanwhile_is_not_taken_twice() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let taken = |slug: &'static str| post::ActiveModel {
        author_id: sea_orm::Set(2),
        slug: sea_orm::Set(slug.to_owned()),
        ..Default::default()
    };
    let (_, restored) = race! { database;
        first holds |txn| sea_orm::ActiveModelTrait::insert(taken("first-2"), txn);
        second waits for first |db| post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}").exec(db);
        first commits;
    };
    assert_eq!(restored.unwrap().changes[0].to["slug"], "first-3");
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-3"]
    );
}

#[tokio::test]
async fn a_parent_is_archived_again_after_it_came_back_for_its_child() {
    let (database, db) = forum().await;
    comment::Entity::archive_by_id(5).exec(&db).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let (restored, archived) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(5).with_parents().exec(txn);
        second waits for first |db| post::Entity::restore_by_id(2).exec(db);
        first commits;
    };
    assert_eq!(restored.parents.len(), 1);
    assert!(
        matches!(
            archived,
            Err(Error::Conflict(ConflictError::NotArchived { .. }))
        ),
        "{archived:?}"
    );
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 2").await,
        1
    );
}

#[tokio::test]
async fn a_parent_that_is_restored_meanwhile_needs_no_restore() {
    let (database, db) = forum().await;
    comment::Entity::archive_by_id(5).exec(&db).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let (_, restored) = race! { database;
        first holds |txn| post::Entity::restore_by_id(2).exec(txn);
        second waits for first |db| comment::Entity::restore_by_id(5).with_parents().exec(db);
        first commits;
    };
    assert_eq!(restored.unwrap().parents, []);
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 2").await,
        1
    );
}
