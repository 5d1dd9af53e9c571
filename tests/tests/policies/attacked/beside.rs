//! Other calls and transactions beside restores with changes.

use sea_orm::TransactionTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{dumps, number, run};

use super::kit::both;
use super::kit::{FORUM, no_raw, sound};
use crate::policies::forum::{EVERYTHING, comment, forum, post, user};

#[tokio::test]
async fn a_transaction_of_the_caller_goes_on_after_errors() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let txn = db.begin().await.unwrap();
    assert!(
        post::Entity::restore_by_id(1)
            .as_new()
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        post::Entity::restore_by_id(1)
            .skip_conflicting()
            .with_parents()
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        post::Entity::restore_by_id(1)
            .set(post::Column::Slug, "much longer than the column")
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        comment::Entity::restore_by_id(2)
            .as_part()
            .with_parents()
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        post::Entity::restore_by_id(1)
            .remap(user::Entity, 1, 99)
            .preview(&txn)
            .await
            .is_ok()
    );
    txn.commit().await.unwrap();
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

#[tokio::test]
async fn an_original_is_purged_after_a_part_was_taken() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into comments (id, post_id, mark) values (4, 3, 'four')",
    )
    .await;
    let done = both!(
        &db,
        "skip",
        EVERYTHING,
        post::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    let stayed = done.stayed[0].archival.unwrap();
    post::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap()
        .purge(&db)
        .await
        .unwrap();
    run(&db, "delete from comments where id = 4").await;
    let again = archival::Entity::restore_by_id(stayed);
    let error = both!(&db, "without a parent", EVERYTHING, again.clone()).unwrap_err();
    no_raw(&error);
    let done = both!(
        &db,
        "with another",
        EVERYTHING,
        again.set(comment::Column::PostId, 3)
    )
    .unwrap();
    assert_eq!(done.rows["public.files"], 1);
    assert_eq!(done.archival.part_of, Some(archival.id));
    sound(&db, &FORUM, "purge").await;
}

#[tokio::test]
async fn a_part_of_an_archival_is_taken_and_the_rest_purged() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(2)
        .as_part()
        .set_every(comment::Column::PostId, 3)
        .set(comment::Column::ReplyTo, None::<i64>)
        .exec(&db)
        .await
        .unwrap();
    let purged = archival.purge(&db).await.unwrap();
    assert_eq!(purged.rows["public.comments"], 2);
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 3").await,
        2
    );
    sound(&db, &FORUM, "purge").await;
}

#[tokio::test]
async fn the_new_parent_is_archived_meanwhile() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| post::Entity::archive_by_id(3).exec(txn);
        second waits for first |db| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 3).exec(db);
        first commits;
    };
    no_raw(&done.unwrap_err());
    sound(&db, &FORUM, "race").await;
}

#[tokio::test]
async fn the_new_parent_is_archived_after_it() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 3).exec(txn);
        second waits for first |db| post::Entity::archive_by_id(3).exec(db);
        first commits;
    };
    assert_eq!(done.unwrap().rows()["public.comments"], 1);
    sound(&db, &FORUM, "race").await;
}

#[tokio::test]
async fn the_original_is_purged_while_a_part_is_taken() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 3).exec(txn);
        second waits for first |db| archival.purge(db);
        first commits;
    };
    assert_eq!(done.unwrap().rows["public.comments"], 3);
    assert_eq!(
        number(&db, "select count(*) from comments where id = 4").await,
        1
    );
    assert_eq!(
        number(&db, "select count(*) from files where comment_id = 4").await,
        1
    );
    sound(&db, &FORUM, "race").await;
}

#[tokio::test]
async fn a_row_is_deferred_to_the_archival_while_a_part_is_taken() {
    let (database, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, reply_to, mark) values (3, 4, 'w')",
    )
    .await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let first = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // Restoring post 3 defers comment 6 to post 1, of which comment 4 is taken meanwhile.
    let (_, _third) = race! { database;
        part holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(txn);
        restore waits for part |db| post::Entity::restore_by_id(3).exec(db);
        part commits;
    };
    sound(&db, &FORUM, "race").await;
    first.restore(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from comments").await, 6);
}

#[tokio::test]
async fn a_row_is_deferred_first_and_a_part_is_taken_then() {
    let (database, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, reply_to, mark) values (3, 4, 'w')",
    )
    .await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let first = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, _part) = race! { database;
        restore holds |txn| post::Entity::restore_by_id(3).exec(txn);
        part waits for restore |db| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(db);
        restore commits;
    };
    sound(&db, &FORUM, "race").await;
    first.restore(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from comments").await, 6);
}

#[tokio::test]
async fn repeatable_read_and_serializable() {
    use sea_orm::IsolationLevel;
    let (_d, db) = forum().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        assert_eq!(number(&txn, "select count(*) from posts").await, 3);
        post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        run(&txn, "insert into posts (id, author_id, slug) values (77, 2, 'first'); insert into comments (id, post_id, mark) values (4, 3, 'four')").await;
        post::Entity::restore_by_id(1)
            .rename(post::Column::Slug, "-{n}")
            .skip_conflicting()
            .exec(&txn)
            .await
            .unwrap();
        post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        let _copied = post::Entity::restore_by_id(1).as_new().exec(&txn).await;
        txn.rollback().await.unwrap();
    }
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // A snapshot that is older than another's restore.
    let txn = db
        .begin_with_config(Some(sea_orm::IsolationLevel::RepeatableRead), None)
        .await
        .unwrap();
    assert_eq!(number(&txn, "select count(*) from posts").await, 2);
    comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 3)
        .exec(&db)
        .await
        .unwrap();
    let error = comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 3)
        .exec(&txn)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Retry(_)), "{error}");
}
