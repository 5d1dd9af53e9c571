//! Renames and odd values.

use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, run, texts};

use super::kit::both;
use super::kit::no_raw;
use crate::policies::forum::{EVERYTHING, comment, file, forum, post, tag};

#[tokio::test]
async fn a_row_with_two_conflicts_gets_one_suffix() {
    let (_d, db) = forum().await;
    run(
        &db,
        "create unique index posts_lower on posts (lower(slug))",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let done = both!(
        &db,
        "two",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-2"],
        "{:?}",
        done.changes
    );
}

#[tokio::test]
async fn a_suffix_longer_than_the_column_is_not_cut() {
    let (_d, db) = forum().await;
    run(&db, "update posts set slug = left(slug, 1); alter table posts alter slug type varchar(1); alter table deleted_posts alter slug type varchar(1)").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) values (2, 'f')").await;
    let done = both!(
        &db,
        "cut",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    let slug = texts(&db, "select slug from posts where id = 1").await;
    assert!(slug.is_empty() || !slug[0].starts_with('-'), "{slug:?}");
    no_raw(&done.unwrap_err());
}

#[tokio::test]
async fn a_number_longer_than_the_column_is_not_cut() {
    let (_d, db) = forum().await;
    run(&db, "update posts set slug = left(slug, 2); alter table posts alter slug type varchar(2); alter table deleted_posts alter slug type varchar(2)").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) select 2, '-' || n from generate_series(2, 9) n; insert into posts (author_id, slug) values (2, 'fi')").await;
    let done = both!(
        &db,
        "cut",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    let slug = texts(&db, "select slug from posts where id = 1").await;
    assert_ne!(slug, ["-1"], "the number 10 was cut");
    no_raw(&done.unwrap_err());
}

#[tokio::test]
async fn marks_with_odd_characters_come_back_as_they_were_given() {
    let (_d, db) = forum().await;
    for (n, text) in [
        "it's",
        "back\\slash",
        "\\",
        "'",
        "''; drop table users; --",
        "{n}",
        "%s $1 ?",
        "\u{1a}",
        "tab\tnew\nline\r\u{8}",
        "\"quoted\"",
        "é\u{1f600}",
        "E'\\x41'",
        "$$x$$",
    ]
    .iter()
    .enumerate()
    {
        for setting in ["on", "off"] {
            let txn = db.begin().await.unwrap();
            run(
                &txn,
                &format!("set local standard_conforming_strings = {setting}"),
            )
            .await;
            post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
            let done = post::Entity::restore_by_id(1)
                .set_every(comment::Column::Mark, "")
                .set_every(file::Column::Name, *text)
                .exec(&txn)
                .await
                .unwrap();
            assert_eq!(
                done.changes.last().unwrap().to["name"],
                *text,
                "{n} {setting}"
            );
            let found = texts(&txn, "select name from files order by 1 limit 1").await;
            assert_eq!(found, [*text], "{n} {setting}");
            txn.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_zero_byte_is_a_typed_error() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    for text in ["a\0b", "a\x001", "\0"] {
        let txn = db.begin().await.unwrap();
        let done = post::Entity::restore_by_id(1)
            .set(post::Column::Slug, text)
            .exec(&txn)
            .await;
        match done {
            Err(error) => no_raw(&error),
            Ok(_) => panic!(
                "{text:?} became {:?}",
                texts(&txn, "select slug from posts where id = 1").await
            ),
        }
        txn.rollback().await.unwrap();
        let _done = post::Entity::restore_by_id(1)
            .rename(post::Column::Slug, text)
            .exec(&txn_of(&db).await)
            .await;
    }
}

async fn txn_of(db: &sea_orm::DatabaseConnection) -> sea_orm::DatabaseTransaction {
    db.begin().await.unwrap()
}

#[tokio::test]
async fn a_suffix_with_a_zero_byte_is_a_typed_error() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let error = both!(
        &db,
        "zero",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "a\0b")
    )
    .unwrap_err();
    no_raw(&error);
}

#[tokio::test]
async fn a_suffix_with_odd_characters() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    for suffix in [
        "'",
        "\\",
        "%",
        "{m}",
        "'{n}'",
        "é{n}",
        "{n}{n}",
        "\u{1f600}",
        "",
    ] {
        for setting in ["on", "off"] {
            let txn = db.begin().await.unwrap();
            run(
                &txn,
                &format!("set local standard_conforming_strings = {setting}"),
            )
            .await;
            let done = post::Entity::restore_by_id(1)
                .rename(post::Column::Slug, suffix)
                .exec(&txn)
                .await;
            match done {
                Ok(_) => assert_eq!(
                    texts(&txn, "select slug from posts where id = 1").await,
                    [format!("first{}", suffix.replace("{n}", "2"))]
                ),
                Err(error) => {
                    no_raw(&error);
                    assert_eq!(suffix, "", "{error}")
                }
            }
            txn.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn values_of_another_type_are_typed_errors() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let r = || post::Entity::restore_by_id(1);
    let tries = [
        r().set(post::Column::AuthorId, true),
        r().set(post::Column::AuthorId, 1.5f64),
        r().set(post::Column::AuthorId, f64::NAN),
        r().set(post::Column::AuthorId, f64::INFINITY),
        r().set(post::Column::AuthorId, u64::MAX),
        r().set(post::Column::Slug, 5),
        r().set(post::Column::Slug, true),
        r().set(post::Column::Slug, serde_json::json!({"a": "it's"})),
        r().set(post::Column::Slug, vec![1u8, 2]),
        r().set(post::Column::AuthorId, vec![1u8, 2]),
        r().set(post::Column::AuthorId, sea_orm::Value::BigInt(None)),
        r().set_every(tag::Column::PostId, 3),
        r().set_every(file::Column::CommentId, 3),
        r().set_every(comment::Column::Id, 3),
    ];
    for restore in tries {
        let before = dumps(&db, &EVERYTHING).await;
        match restore.exec(&db).await {
            Ok(_done) => {
                post::Entity::archive_by_id(1).exec(&db).await.unwrap();
                run(
                    &db,
                    "update deleted_posts set slug = 'first', author_id = 1 where id = 1",
                )
                .await;
            }
            Err(error) => {
                no_raw(&error);
                assert_eq!(dumps(&db, &EVERYTHING).await, before);
            }
        }
    }
}

#[tokio::test]
async fn hundreds_of_renames() {
    let (_d, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, mark) select 1, 'x' || n from generate_series(1, 350) n",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into comments (post_id, mark) select 3, 'x' || n from generate_series(1, 350) n",
    )
    .await;
    let done = post::Entity::restore_by_id(1)
        .rename(comment::Column::Mark, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (done.changes.len(), done.rows["public.comments"]),
        (350, 354)
    );
}

#[tokio::test]
async fn an_exclusion_constraint_with_a_rename() {
    let (_d, db) = forum().await;
    run(
        &db,
        "alter table posts add constraint posts_ex exclude using btree (slug with =)",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'), (2, 'first-2')",
    )
    .await;
    let _done = both!(
        &db,
        "exclusion",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-3"]
    );
}

#[tokio::test]
async fn nulls_that_are_not_distinct_do_not_become_a_suffix() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts alter slug drop not null, drop constraint posts_slug, add constraint posts_slug unique nulls not distinct (slug); alter table deleted_posts alter slug drop not null; update posts set slug = null where id = 1").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) values (2, null)").await;
    let _done = both!(
        &db,
        "null",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    assert_eq!(
        texts(&db, "select coalesce(slug, 'NULL') from posts where id = 1").await,
        Vec::<String>::new(),
        "NULL got a suffix"
    );
}
