//! The server is killed in the middle of archives and restores, and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use blog::post;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{assert_log_agrees, connect, sql};
use throwaway_postgres::Postgres;
use tokio::sync::Barrier;

const WORKERS: i64 = 4;
const POSTS: i64 = 5;
const COMMENTS: i64 = 30;
const KILLS: u64 = 20;

/// What a worker was told of one of its posts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Active,
    Archived,
    /// The call had not returned when the server died: it has happened, or it has not.
    Nothing,
}

/// Archives and restores its own posts in turn until the server is gone. A pool that finds its connection closed between
/// two calls opens another: such a worker ends once the server is back.
async fn work(
    db: DatabaseConnection,
    worker: i64,
    mut told: Vec<Told>,
    started: Arc<Barrier>,
    is_back: Arc<AtomicBool>,
) -> (Vec<Told>, u64) {
    let mut calls = 0;
    loop {
        for nth in 0..POSTS {
            let (id, place) = (worker * POSTS + nth + 1, usize::try_from(nth).unwrap());
            let done = match told[place] {
                Told::Active => post::Entity::archive_by_id(id)
                    .exec(&db)
                    .await
                    .map(|_| Told::Archived),
                _ => post::Entity::restore_by_id(id)
                    .exec(&db)
                    .await
                    .map(|_| Told::Active),
            };
            match done {
                Ok(now) => told[place] = now,
                Err(Error::Database(_)) => {
                    told[place] = Told::Nothing;
                    return (told, calls);
                }
                Err(error) => panic!("{error}"),
            }
            calls += 1;
            if calls == 1 {
                started.wait().await;
            }
            if is_back.load(Ordering::SeqCst) {
                return (told, calls);
            }
        }
    }
}

async fn count(db: &DatabaseConnection, sql: String) -> i64 {
    sql::number(db, &sql).await
}

/// Where the post is; its comments and their likes must be all in the same place, and nothing else.
async fn find(db: &DatabaseConnection, post: i64) -> Told {
    let mut places = Vec::new();
    for archive_table in ["", "deleted_"] {
        let posts = count(
            db,
            format!("select count(*) from {archive_table}posts where id = {post}"),
        )
        .await;
        let comments = count(
            db,
            format!("select count(*) from {archive_table}comments where post_id = {post} and content = 'comment ' || id"),
        )
        .await;
        let likes = count(
            db,
            format!("select count(*) from {archive_table}likes where comment_id in (select id from {archive_table}comments where post_id = {post})"),
        )
        .await;
        places.push((posts, comments, likes));
    }
    match places.as_slice() {
        [(1, COMMENTS, COMMENTS), (0, 0, 0)] => Told::Active,
        [(0, 0, 0), (1, COMMENTS, COMMENTS)] => Told::Archived,
        other => panic!("post {post} is torn: {other:?}"),
    }
}

/// The archival table and the archive tables say the same.
async fn check_archivals(db: &DatabaseConnection) {
    for table in ["posts", "comments", "likes"] {
        let orphans = format!(
            "select count(*) from deleted_{table} t left join archive.archival a on a.id = t.archival_id
             where a.id is null or a.restored_at is not null"
        );
        assert_eq!(
            count(db, orphans).await,
            0,
            "{table} without an open archival"
        );
    }
    let empty = "select count(*) from archive.archival a where a.restored_at is null
                 and not exists (select from deleted_posts p where p.archival_id = a.id)";
    assert_eq!(
        count(db, empty.to_owned()).await,
        0,
        "an open archival without its root"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_in_one_table_after_a_crash() {
    let server = Arc::new(Postgres::builder().durable().start().unwrap());
    let url = server.url("postgres");
    let db = connect(&url).await;
    Migrator::up(&db, None).await.unwrap();
    db.execute_unprepared(&format!(
        "insert into users (id, name) values (1, 'alice');
         insert into posts (id, title, slug, content, author_id)
             select n, 'Post', 'post ' || n, '', 1 from generate_series(1, {posts}) n;
         insert into comments (id, post_id, author_id, content)
             select n, (n - 1) / {COMMENTS} + 1, 1, 'comment ' || n from generate_series(1, {posts} * {COMMENTS}) n;
         insert into likes (id, comment_id, user_id) select id, id, 1 from comments",
        posts = WORKERS * POSTS
    ))
    .await
    .unwrap();
    db.close().await.unwrap();

    let mut told = vec![
        vec![Told::Active; usize::try_from(POSTS).unwrap()];
        usize::try_from(WORKERS).unwrap()
    ];
    let mut interrupted = 0;
    for round in 0..KILLS {
        let db = connect(&url).await;
        // However slow the machine is, everybody has begun when the server's time runs.
        let started = Arc::new(Barrier::new(usize::try_from(WORKERS).unwrap() + 1));
        let is_back = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..WORKERS)
            .zip(told.clone())
            .map(|(worker, told)| {
                let (started, is_back) = (Arc::clone(&started), Arc::clone(&is_back));
                tokio::spawn(work(db.clone(), worker, told, started, is_back))
            })
            .collect();
        tokio::time::timeout(Duration::from_secs(60), started.wait())
            .await
            .expect("a worker has not begun");
        // Not a wait for anything: how long the server has to live.
        tokio::time::sleep(Duration::from_millis(60 + 37 * (round % 7))).await;
        let killed = Arc::clone(&server);
        tokio::task::spawn_blocking(move || killed.kill9().and_then(|()| killed.restart()))
            .await
            .unwrap()
            .unwrap();
        is_back.store(true, Ordering::SeqCst);
        for (worker, work) in workers.into_iter().enumerate() {
            let (heard, calls) = work.await.unwrap();
            assert!(calls > 0, "the server died before anything had happened");
            told[worker] = heard;
        }
        db.close().await.unwrap();

        let db = connect(&url).await;
        for (worker, posts) in told.iter_mut().enumerate() {
            for (nth, told) in posts.iter_mut().enumerate() {
                let post = i64::try_from(worker).unwrap() * POSTS + i64::try_from(nth).unwrap() + 1;
                let found = find(&db, post).await;
                match *told {
                    Told::Nothing => interrupted += 1,
                    known => assert_eq!(
                        known, found,
                        "what was acknowledged of post {post} is undone"
                    ),
                }
                *told = found;
            }
        }
        check_archivals(&db).await;
        db.close().await.unwrap();
    }
    // Entry by entry from the first on: what any of the kills tore would show.
    assert_log_agrees(&connect(&url).await, &["posts", "comments", "likes"]).await;
    assert!(
        interrupted > 0,
        "the server never died in the middle of a call"
    );
}
