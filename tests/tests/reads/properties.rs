//! After random archives, restores and purges, `find_with_deleted` returns the rows of the two tables.

use sea_orm::{DatabaseConnection, EntityTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run;

use crate::reads::blog::{assert_agrees, blog, comment, post, post_tag, tag};

#[tokio::test]
async fn rows_are_those_of_the_two_tables_after_random_calls() {
    let mut deleted = 0;
    for seed in 0..4 {
        deleted += check(seed).await;
    }
    assert!(deleted > 100, "{deleted} deleted posts were compared");
}

/// Returns how many deleted posts were compared.
async fn check(seed: u64) -> usize {
    let (_database, db) = blog().await;
    let mut random = seed * 7919 + 1;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut deleted = 0;
    for step in 0..40 {
        let id = i64::try_from(next(4)).unwrap() + 1;
        // Most calls are refused, since the row is in the other table.
        match next(8) {
            0 | 1 => drop(post::Entity::archive_by_id(id).by(id).exec(&db).await),
            2 | 3 => drop(post::Entity::restore_by_id(id).exec(&db).await),
            4 => drop(tag::Entity::archive_by_id(id).exec(&db).await),
            5 => drop(tag::Entity::restore_by_id(id).exec(&db).await),
            6 => insert(&db, id, step).await,
            _ => drop(comment::Entity::archive_many().exec(&db).await),
        }
        deleted += assert_agrees::<post::Entity>(&db).await.1;
        assert_agrees::<comment::Entity>(&db).await;
        assert_agrees::<post_tag::Entity>(&db).await;
        assert_agrees::<tag::Entity>(&db).await;
    }
    deleted
}

/// Inserts a comment and a tag where their post is active.
async fn insert(db: &DatabaseConnection, post: i64, step: i64) {
    run(
        db,
        &format!(
            "insert into comments select {step} + 100, id, 'new' from posts where id = {post};
             insert into post_tags select p.id, t.id from posts as p, tags as t where p.id = {post}
                 and not exists (select from deleted_post_tags as d where (d.post_id, d.tag_id) = (p.id, t.id))
             on conflict do nothing"
        ),
    )
    .await;
    let found = post::Entity::find_by_id(post).one(db).await.unwrap();
    assert!(found.is_none_or(|found| found.id == post));
}
