//! Guarded tables on both sides of a publication.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::{archival, check};
use sea_orm_archive_migration::{ArchiveSchema, Guard, GuardSchema};
use sea_orm_archive_tests::connect;
use sea_orm_archive_tests::sql::{count, dumps, one, run, texts};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;

use super::publications::wait_for;

const TABLES: &str = "
    create table posts (id bigint primary key, title text not null);
    create table comments (id bigint primary key, post_id bigint not null references posts on delete cascade);
    insert into posts select n, 'post ' || n from generate_series(1, 4) as n;
    insert into comments select n, n from generate_series(1, 4) as n";
const MOVED: [&str; 5] = [
    "posts",
    "comments",
    "deleted_posts",
    "deleted_comments",
    "archive.archival",
];

struct Pair {
    _server: Postgres,
    publisher: DatabaseConnection,
    subscriber: DatabaseConnection,
}

/// Two databases with the same rows. What the first one publishes is applied in the second one.
async fn pair(guards: [Option<Guard>; 2], publication: &str) -> Pair {
    let server = Postgres::builder()
        .setting("wal_level", "logical")
        .setting("max_wal_senders", "8")
        .setting("max_logical_replication_workers", "8")
        .start()
        .unwrap();
    let publisher = connect(&server.url("postgres")).await;
    run(&publisher, "create database subscriber").await;
    let subscriber = connect(&server.url("subscriber")).await;
    for (db, guard) in [(&publisher, guards[0]), (&subscriber, guards[1])] {
        run(db, TABLES).await;
        let manager = SchemaManager::new(db);
        manager.install_archive().await.unwrap();
        for table in ["comments", "posts"] {
            manager.archive_existing_table(table).await.unwrap();
            if let Some(guard) = guard {
                manager.guard_table(table, guard).await.unwrap();
            }
        }
    }
    run(
        &publisher,
        &format!("create publication moves {publication}"),
    )
    .await;
    run(
        &publisher,
        "select pg_create_logical_replication_slot('moves', 'pgoutput')",
    )
    .await;
    let url = server.url("postgres");
    run(&subscriber, &format!(
        "create subscription moves connection '{url}' publication moves with (create_slot = false, slot_name = 'moves', copy_data = false)"
    )).await;
    let ready = "select bool_and(srsubstate = 'r') from pg_subscription_rel";
    wait_for(&subscriber, ready).await;
    Pair {
        _server: server,
        publisher,
        subscriber,
    }
}

impl Pair {
    /// Runs a statement on the publisher, and waits until the subscriber has applied it.
    async fn apply(&self, sql: &str) {
        run(&self.publisher, sql).await;
        self.applied().await;
    }

    async fn applied(&self) {
        let end: String = one(&self.publisher, "select pg_current_wal_insert_lsn()::text").await;
        let confirmed = format!("select confirmed_flush_lsn >= '{end}' from pg_replication_slots");
        wait_for(&self.publisher, &confirmed).await;
    }

    async fn assert_same(&self) {
        assert_eq!(
            dumps(&self.subscriber, &MOVED).await,
            dumps(&self.publisher, &MOVED).await
        );
        for table in ["archive.caught", "archive.departed"] {
            assert_eq!(count(&self.subscriber, table).await, 0, "{table}");
        }
    }
}

async fn newest(db: &impl ConnectionTrait) -> i64 {
    one(db, "select max(id) from archive.archival").await
}

/// The subscriber catches nothing a second time, and refuses nothing.
#[tokio::test]
async fn subscriber_of_everything_gets_what_the_publisher_has_caught() {
    let pair = pair(
        [Some(Guard::catch()), Some(Guard::catch())],
        "for all tables",
    )
    .await;
    let Pair { publisher, .. } = &pair;
    pair.apply("delete from posts where id = 1").await;
    pair.assert_same().await;
    assert_eq!(count(&pair.subscriber, "deleted_comments").await, 1);
    let id = newest(publisher).await;
    archival::Entity::restore_by_id(id)
        .exec(publisher)
        .await
        .unwrap();
    pair.apply("delete from posts where id = 2").await;
    pair.assert_same().await;
    let id = newest(publisher).await;
    archival::Entity::purge_by_id(id)
        .exec(publisher)
        .await
        .unwrap();
    pair.apply("begin; delete from comments where id = 3; delete from posts where id = 3; commit")
        .await;
    pair.assert_same().await;
    pair.apply("truncate posts, comments").await;
    pair.assert_same().await;
    assert_eq!(count(&pair.subscriber, "posts").await, 0);
    assert_eq!(check(&pair.subscriber).await.unwrap(), []);
}

/// Only the tables of the application are published, and the subscriber alone has a guard: it sees none of the deletions.
#[tokio::test]
async fn guard_of_a_subscriber_does_not_see_what_is_applied() {
    for guard in [Guard::catch(), Guard::refuse()] {
        let pair = pair([None, Some(guard)], "for table posts, comments").await;
        pair.apply("delete from posts where id = 1").await;
        pair.apply("truncate comments").await;
        let Pair { subscriber, .. } = &pair;
        assert_eq!(
            texts(subscriber, "select id::text from posts order by id").await,
            ["2", "3", "4"]
        );
        for table in [
            "comments",
            "deleted_posts",
            "deleted_comments",
            "archive.archival",
        ] {
            assert_eq!(count(subscriber, table).await, 0, "{table}");
        }
        // It sees the deletions of its own sessions.
        let deleted = subscriber
            .execute_unprepared("delete from posts where id = 2")
            .await;
        assert_eq!(
            count(subscriber, "deleted_posts").await,
            i64::from(deleted.is_ok())
        );
        assert_eq!(
            count(subscriber, "posts where id = 2").await,
            i64::from(deleted.is_err())
        );
    }
}
