//! Archives and restores in batches, each a transaction of its own.

use sea_orm::{ColumnTrait, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::entities::{ALL, comment, post, posts};

#[tokio::test]
async fn every_row_is_archived_and_restored_in_batches() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let mut archive = post::Entity::archive_many()
        .filter(post::Column::Id.gt(1))
        .by(7)
        .in_batches(4);
    let mut sizes = Vec::new();
    while let Some(archivals) = archive.next(&db).await.unwrap() {
        sizes.push(archivals.len());
    }
    assert_eq!(sizes, [4, 4, 1]);
    assert_eq!(number(&db, "select count(*) from posts").await, 1);
    // Each batch is a transaction: the times of its archivals are equal, and differ from those of the others.
    assert_eq!(
        number(
            &db,
            "select count(distinct xmin::text) from archive.archival"
        )
        .await,
        3
    );

    let mut restore = post::Entity::restore_many().in_batches(5);
    let mut sizes = Vec::new();
    let mut newest = i64::MAX;
    while let Some(restored) = restore.next(&db).await.unwrap() {
        sizes.push(restored.archivals.len());
        let last = restored.archivals.last().unwrap().id;
        assert!(last < newest, "the newest come first");
        newest = restored.archivals[0].id;
    }
    assert_eq!(sizes, [5, 4]);
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// The newest first: the post of a comment that was archived alone is in a later archival, so it is back before.
#[tokio::test]
async fn parents_that_were_archived_later_come_first() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    for comment in [11, 21, 31] {
        comment::Entity::archive_by_id(comment)
            .exec(&db)
            .await
            .unwrap();
    }
    post::Entity::archive_many().exec(&db).await.unwrap();
    let mut posts = post::Entity::restore_many().in_batches(1);
    while posts.next(&db).await.unwrap().is_some() {}
    let mut comments = comment::Entity::restore_many().in_batches(2);
    while comments.next(&db).await.unwrap().is_some() {}
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// An error ends a batch, and what came before it stays. After the cause is gone another call goes on.
#[tokio::test]
async fn batches_go_on_after_an_error() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    run(
        &db,
        "create table pins (post_id bigint primary key constraint pins_post references posts); insert into pins values (6)",
    )
    .await;
    let all = || post::Entity::archive_many().in_batches(2);
    let mut batches = all();
    let mut archived = 0;
    let error = loop {
        match batches.next(&db).await {
            Ok(Some(batch)) => archived += batch.len(),
            Ok(None) => panic!("post 6 cannot be archived"),
            Err(error) => break error,
        }
    };
    assert_eq!((archived, error.kind()), (4, ErrorKind::Conflict));
    assert_eq!(number(&db, "select count(*) from posts").await, 6);
    run(&db, "delete from pins").await;
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(number(&db, "select count(*) from posts").await, 0);
    run(&db, "insert into posts values (101, 'post 9')").await;
    let mut batches = post::Entity::restore_many().in_batches(3);
    let mut errors = 0;
    for _ in 0..2 {
        errors += i32::from(batches.next(&db).await.is_err());
    }
    assert_eq!(errors, 2, "the same batch fails again");
    let mut batches = post::Entity::restore_many().skip_conflicts().in_batches(3);
    let mut skipped = 0;
    while let Some(batch) = batches.next(&db).await.unwrap() {
        skipped += batch.skipped.len();
    }
    assert_eq!(skipped, 1);
    run(&db, "delete from posts where id = 101").await;
    post::Entity::restore_by_id(9).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// In a transaction of the caller the batches are savepoints, and its rollback undoes all of them.
#[tokio::test]
async fn batches_in_a_transaction_are_undone_with_it() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let txn = db.begin().await.unwrap();
    let mut batches = post::Entity::archive_many().in_batches(3);
    while batches.next(&txn).await.unwrap().is_some() {}
    let mut batches = post::Entity::restore_many().in_batches(4);
    while batches.next(&txn).await.unwrap().is_some() {}
    assert_eq!(dumps(&txn, &ALL).await, before);
    txn.rollback().await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from archive.archival").await,
        0
    );
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// Race: two workers archive in batches. Each row is archived once, and neither worker ends early.
#[tokio::test]
async fn two_workers_share_the_batches() {
    let (database, db) = posts().await;
    run(
        &db,
        "insert into posts select n, 'post ' || n from generate_series(11, 400) n",
    )
    .await;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let db = database.connect().await;
        workers.push(tokio::spawn(async move {
            let mut archived = 0;
            let mut batches = post::Entity::archive_many().in_batches(7);
            while let Some(batch) = batches.next(&db).await.unwrap() {
                archived += batch.len();
            }
            archived
        }));
    }
    let mut archived = 0;
    for worker in workers {
        archived += worker.await.unwrap();
    }
    assert_eq!(archived, 400);
    assert_eq!(
        texts(
            &db,
            "select concat(count(*), ' ', count(distinct archival_id)) from deleted_posts"
        )
        .await,
        ["400 400"]
    );
}
