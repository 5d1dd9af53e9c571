//! How many statements of ours a session holds.

use blog::{post, tag};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{
    Database,
    sql::{number, run, texts},
};

const OURS: &str = "from pg_prepared_statements where starts_with(name, 'archive_')";

/// One connection to the blog with two tagged posts.
async fn session() -> (Database, DatabaseConnection) {
    let database = Database::from_template("blog", async |db| {
        Migrator::up(&db, Some(2)).await?;
        db.execute_unprepared(
            "insert into users (name) values ('Ada');
             insert into posts (title, slug, content, author_id) values ('One', 'one', '', 1), ('Two', 'two', '', 1);
             insert into tags (name) values ('a');
             insert into post_tags (post_id, tag_id) values (1, 1), (2, 1)",
        )
        .await
        .map(drop)
    })
    .await;
    let db = database.session("pooled").await.db();
    (database, db)
}

async fn round(db: &DatabaseConnection) {
    post::Entity::archive_by_id(1).exec(db).await.unwrap();
    post::Entity::restore_by_id(1).exec(db).await.unwrap();
}

#[tokio::test]
async fn statements_of_tables_that_keep_changing_are_bounded_in_number_and_size() {
    let (_database, db) = session().await;
    for _ in 0..80 {
        run(&db, "truncate likes").await;
        round(&db).await;
    }
    assert!(number(&db, &format!("select count(*) {OURS}")).await <= 64);
    let size = format!("select sum(octet_length(statement))::bigint {OURS}");
    assert!(number(&db, &size).await <= 300_000);
    // The statements of the tables as they are now are among those that remain.
    let names = format!("select name {OURS} order by 1");
    let before = texts(&db, &names).await;
    round(&db).await;
    assert_eq!(texts(&db, &names).await, before);
}

#[tokio::test]
async fn statements_of_the_application_are_not_deallocated() {
    let (_database, db) = session().await;
    for n in 0..70 {
        run(&db, &format!("prepare archive_report_{n} as select {n}")).await;
    }
    round(&db).await;
    tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    tag::Entity::restore_by_id(1).exec(&db).await.unwrap();
    let left =
        "select count(*) from pg_prepared_statements where starts_with(name, 'archive_report_')";
    assert_eq!(number(&db, left).await, 70);
}

/// A single statement above the limit is prepared all the same, and a step never deallocates another step of its move.
#[tokio::test]
async fn steps_of_one_move_remain_whatever_their_size() {
    let (_database, db) = session().await;
    let long = "x".repeat(200_000);
    let step = |name: &str, number: i32| {
        format!(
            "PREPARE {name} (pg_catalog.jsonb, timestamp with time zone, bigint, pg_catalog.text) AS SELECT pg_catalog.to_jsonb({number}) /* {long} */"
        )
    };
    let (first, second) = (
        step("archive_0000000000000001", 1),
        step("archive_0000000000000002", 2),
    );
    for _ in 0..2 {
        let call = format!(
            "select archive.run('{{archive_0000000000000001,archive_0000000000000002}}', array['{first}', '{second}'], '{{once,once}}', '', '{{}}')::bigint"
        );
        assert_eq!(number(&db, &call).await, 2);
        assert_eq!(
            texts(&db, &format!("select name {OURS} order by 1")).await,
            ["archive_0000000000000001", "archive_0000000000000002"]
        );
    }
    round(&db).await;
    let size = format!("select sum(octet_length(statement))::bigint {OURS}");
    assert!(number(&db, &size).await <= 300_000);
}
