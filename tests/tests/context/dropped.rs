//! A call that is dropped while it waits leaves no pooled connection in a transaction, at whatever point it waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ::blog::post;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Error, check};
use sea_orm_archive_tests::Database;
use tokio::time::{sleep, timeout};

use crate::context::database::{blog, one};
use crate::context::history::{price, shop};

/// Polls the future `times` times, and drops it if it still waits then.
pub async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left = left.saturating_sub(1);
            match left {
                0 => Poll::Ready(None),
                _ => Poll::Pending,
            }
        }
    })
    .await
}

/// Waits until no session of the database is in a transaction; a transaction that is left open never ends. The driver may
/// have closed the connection on which a call was dropped, and opened another.
async fn none_in_transaction(onlooker: &DatabaseConnection) {
    let sql = "select count(*)::text from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";
    while one(onlooker, sql).await.as_deref() != Some("0") {
        sleep(Duration::from_millis(1)).await;
    }
}

/// Drops the call after each number of polls, then writes on the same connection: the write must be committed.
async fn dropped_everywhere<T>(
    database: &Database,
    call: impl AsyncFn(&DatabaseConnection) -> Result<T, Error>,
) {
    let session = database.session("pool of one").await;
    let (db, onlooker) = (session.db(), database.connect().await);
    onlooker
        .execute_unprepared("create table written (n int)")
        .await
        .unwrap();
    // Caches the plan, so that the first statement of later calls is BEGIN.
    let _ = call(&db).await;
    let mut dropped = 0;
    for times in (1..=6).cycle().take(60) {
        if polled(call(&db), times).await.is_none() {
            dropped += 1;
        }
        db.execute_unprepared(&format!("insert into written values ({times})"))
            .await
            .unwrap();
        let visible = one(&onlooker, "select count(*)::text from written").await;
        assert_eq!(visible.as_deref(), Some("1"), "lost after {times} polls");
        let idle = timeout(Duration::from_secs(10), none_in_transaction(&onlooker)).await;
        assert!(idle.is_ok(), "left open after {times} polls");
        onlooker
            .execute_unprepared("delete from written")
            .await
            .unwrap();
    }
    assert!(dropped > 10, "dropped {dropped} times only");
}

#[tokio::test]
async fn dropped_history_verb_leaves_no_connection_in_a_transaction() {
    let shop = shop().await;
    dropped_everywhere(&shop, async |db| {
        let price = price::Entity::start(1).value(price::Column::Price, 5);
        price.exec(db).await
    })
    .await;
}

#[tokio::test]
async fn dropped_check_leaves_no_connection_in_a_transaction() {
    let blog = blog().await;
    dropped_everywhere(&blog, async |db| check(db).await).await;
}

/// A blog whose archived post cannot be restored, because its slug is taken.
async fn slug_taken() -> Database {
    let blog = blog().await;
    let db = blog.connect().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    db.execute_unprepared(
        "insert into posts (id, title, slug, content, author_id, created_at) values (2, 'T', 's', 'c', 7, now())",
    )
    .await
    .unwrap();
    blog
}

#[tokio::test]
async fn dropped_slow_restore_leaves_no_connection_in_a_transaction() {
    let blog = slug_taken().await;
    dropped_everywhere(&blog, async |db| {
        post::Entity::restore_by_id(1).exec(db).await
    })
    .await;
}

#[tokio::test]
async fn dropped_restore_preview_leaves_no_connection_in_a_transaction() {
    let blog = slug_taken().await;
    dropped_everywhere(&blog, async |db| {
        post::Entity::restore_by_id(1).preview(db).await
    })
    .await;
}
