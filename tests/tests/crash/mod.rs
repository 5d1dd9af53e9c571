//! Kills the server during archives and restores, and starts it again.

mod purge;

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

/// The last state of a post that a call acknowledged.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Active,
    Archived,
    /// The call had not returned when the server was killed: it was committed, or it was not.
    Unknown,
}

/// Archives and restores its own posts in turn until the server is killed. A pool that finds its connection closed
/// between two calls opens another: such a worker ends once the server runs again.
async fn work(
    db: DatabaseConnection,
    worker: i64,
    mut known_states: Vec<Known>,
    started: Arc<Barrier>,
    is_back: Arc<AtomicBool>,
) -> (Vec<Known>, u64) {
    let mut calls = 0;
    loop {
        for nth in 0..POSTS {
            let (id, place) = (worker * POSTS + nth + 1, usize::try_from(nth).unwrap());
            let done = match known_states[place] {
                Known::Active => post::Entity::archive_by_id(id)
                    .exec(&db)
                    .await
                    .map(|_| Known::Archived),
                _ => post::Entity::restore_by_id(id)
                    .exec(&db)
                    .await
                    .map(|_| Known::Active),
            };
            match done {
                Ok(now) => known_states[place] = now,
                Err(Error::Database(_)) => {
                    known_states[place] = Known::Unknown;
                    return (known_states, calls);
                }
                Err(error) => panic!("{error}"),
            }
            calls += 1;
            if calls == 1 {
                started.wait().await;
            }
            if is_back.load(Ordering::SeqCst) {
                return (known_states, calls);
            }
        }
    }
}

async fn count(db: &DatabaseConnection, sql: String) -> i64 {
    sql::number(db, &sql).await
}

/// Whether the post is active or archived. Its comments and their likes must all be so too.
async fn find(db: &DatabaseConnection, post: i64) -> Known {
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
        [(1, COMMENTS, COMMENTS), (0, 0, 0)] => Known::Active,
        [(0, 0, 0), (1, COMMENTS, COMMENTS)] => Known::Archived,
        other => panic!("post {post} is torn: {other:?}"),
    }
}

/// Checks that every archived row has an open archival, and every open archival its root.
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

    let mut known_states = vec![
        vec![Known::Active; usize::try_from(POSTS).unwrap()];
        usize::try_from(WORKERS).unwrap()
    ];
    let mut interrupted = 0;
    for round in 0..KILLS {
        let db = connect(&url).await;
        // However slow the machine is, every worker has begun before the wait below.
        let started = Arc::new(Barrier::new(usize::try_from(WORKERS).unwrap() + 1));
        let is_back = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..WORKERS)
            .zip(known_states.clone())
            .map(|(worker, known_states)| {
                let (started, is_back) = (Arc::clone(&started), Arc::clone(&is_back));
                tokio::spawn(work(db.clone(), worker, known_states, started, is_back))
            })
            .collect();
        tokio::time::timeout(Duration::from_secs(60), started.wait())
            .await
            .expect("a worker has not begun");
        // How long the server runs before it is killed.
        tokio::time::sleep(Duration::from_millis(60 + 37 * (round % 7))).await;
        let killed = Arc::clone(&server);
        tokio::task::spawn_blocking(move || killed.kill9().and_then(|()| killed.restart()))
            .await
            .unwrap()
            .unwrap();
        is_back.store(true, Ordering::SeqCst);
        for (worker, work) in workers.into_iter().enumerate() {
            let (states, calls) = work.await.unwrap();
            assert!(calls > 0, "the server was killed before the first call");
            known_states[worker] = states;
        }
        db.close().await.unwrap();

        let db = connect(&url).await;
        for (worker, posts) in known_states.iter_mut().enumerate() {
            for (nth, known) in posts.iter_mut().enumerate() {
                let post = i64::try_from(worker).unwrap() * POSTS + i64::try_from(nth).unwrap() + 1;
                let found = find(&db, post).await;
                match *known {
                    Known::Unknown => interrupted += 1,
                    acknowledged => assert_eq!(
                        acknowledged, found,
                        "an acknowledged call on post {post} was undone"
                    ),
                }
                *known = found;
            }
        }
        check_archivals(&db).await;
        db.close().await.unwrap();
    }
    // Compares every entry from the first on, so that a partly written call of any round is detected.
    assert_log_agrees(&connect(&url).await, &["posts", "comments", "likes"]).await;
    assert!(
        interrupted > 0,
        "the server was never killed in the middle of a call"
    );
}
