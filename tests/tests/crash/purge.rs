//! Kills the server during purges. Each archival is purged with all its rows, or with none, and the next call goes on.

use std::sync::Arc;
use std::time::Duration;

use blog::post;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::{connect, sql};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;
use tokio::sync::oneshot;

const POSTS: i64 = 600;
const COMMENTS: i64 = 5;

/// Purges what has expired, one archival after the other, until the server is killed. Reports that it has begun.
async fn work(db: DatabaseConnection, begun: oneshot::Sender<()>) -> u64 {
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    let mut begun = Some(begun);
    let mut purged = 0;
    while let Ok(Some(batch)) = batches.next(&db).await {
        purged += batch.archivals;
        if let Some(begun) = begun.take() {
            begun.send(()).unwrap();
        }
    }
    purged
}

/// How many archivals are still archived.
async fn check_whole(db: &DatabaseConnection) -> i64 {
    let torn = "select count(*) from archive.archival a where purged_at is not null and (
                    exists (select from deleted_posts p where p.archival_id = a.id)
                    or exists (select from deleted_comments c where c.archival_id = a.id)
                    or purged_rows <> row_counts and purged_rows <> (select jsonb_object_agg(key, value) from jsonb_each(row_counts) where value <> '0'))
                or purged_at is null and (select count(*) from deleted_comments c where c.archival_id = a.id) <> 5";
    assert_eq!(sql::number(db, torn).await, 0, "a purge is torn");
    let open = "select count(*) from archive.archival where purged_at is null";
    sql::number(db, open).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purge_goes_on_after_the_server_was_killed() {
    let server = Arc::new(Postgres::builder().durable().start().unwrap());
    let url = server.url("postgres");
    let db = connect(&url).await;
    Migrator::up(&db, None).await.unwrap();
    db.execute_unprepared(&format!(
        "insert into users (id, name) values (1, 'alice');
         insert into posts (id, title, slug, content, author_id)
             select n, 'Post', 'post ' || n, '', 1 from generate_series(1, {POSTS}) n;
         insert into comments (id, post_id, author_id, content)
             select n, (n - 1) / {COMMENTS} + 1, 1, 'comment ' || n from generate_series(1, {POSTS} * {COMMENTS}) n"
    ))
    .await
    .unwrap();
    let manager = SchemaManager::new(&db);
    manager.retain("posts", Retention::days(0)).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    let mut left = check_whole(&db).await;
    assert_eq!(left, POSTS);
    db.close().await.unwrap();
    for round in 0..4 {
        let (begun, has_begun) = oneshot::channel();
        let worker = tokio::spawn(work(connect(&url).await, begun));
        let other = tokio::spawn(work(connect(&url).await, oneshot::channel().0));
        has_begun.await.unwrap();
        // How long the server runs before it is killed.
        tokio::time::sleep(Duration::from_millis(10 + 7 * round)).await;
        let killed = Arc::clone(&server);
        tokio::task::spawn_blocking(move || killed.kill9().and_then(|()| killed.restart()))
            .await
            .unwrap()
            .unwrap();
        let acknowledged = worker.await.unwrap();
        drop(other.await);
        let db = connect(&url).await;
        let now = check_whole(&db).await;
        assert!(
            left - now >= i64::try_from(acknowledged).unwrap(),
            "an acknowledged purge was undone"
        );
        left = now;
        db.close().await.unwrap();
    }
    let db = connect(&url).await;
    let rest = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(i64::try_from(rest.archivals).unwrap(), left);
    assert_eq!(check_whole(&db).await, 0);
}
