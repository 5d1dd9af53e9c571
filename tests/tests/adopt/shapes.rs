//! Tables of other shapes: names that need quotes, composite keys, references to unique columns, deferred constraints, cycles, partitions.

use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    sql::{count, run, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::rows;

#[tokio::test]
async fn names_that_need_quotes_and_composite_keys() {
    let names = ["\"We\"\"ird\".\"Post s\"", "\"We\"\"ird\".\"c\""];
    let (_database, db) = tables(
        &format!(
            "create schema \"We\"\"ird\";
             create table {0} (\"A b\" int, \"c\"\"d\" text, u int unique, \"Deleted At\" timestamptz, \"order\" text, primary key (\"A b\", \"c\"\"d\"));
             create unique index \"In dex\" on {0} (\"order\") where \"Deleted At\" is null;
             create table {1} (id int primary key, \"A b\" int, \"c\"\"d\" text, u int references {0} (u), \"Deleted At\" timestamptz,
                               foreign key (\"A b\", \"c\"\"d\") references {0} deferrable initially deferred);
             insert into {0} values (1, 'x', 7, '2024-01-01Z', 'o'), (1, 'y', 8, null, 'o');
             insert into {1} values (1, 1, 'x', null, '2024-01-01Z'), (2, null, null, 7, '2024-01-01Z'), (3, 1, 'y', 8, null)",
            names[0], names[1]
        ),
        &[],
    )
    .await;
    let before = rows(&db, &names).await;
    let soft = |name: &'static str| SoftDeleted::new(("We\"ird", name)).deleted_at("Deleted At");
    let manager = SchemaManager::new(&db);
    let adopted = manager
        .adopt_soft_deleted([soft("c"), soft("Post s")])
        .await
        .unwrap();
    assert_eq!((adopted.archivals, adopted.rows()), (1, 3));
    assert_eq!(adopted.tables[1].replaced_indexes, ["In dex"]);
    manager
        .restore_soft_deleted([("We\"ird", "c"), ("We\"ird", "Post s")])
        .await
        .unwrap();
    assert_eq!(rows(&db, &names).await, before);
}

#[tokio::test]
async fn tables_that_refer_to_each_other() {
    let (_database, db) = tables(
        "create table posts (id int primary key, best int, deleted_at timestamptz);
         create table comments (id int primary key, post_id int references posts on delete restrict, deleted_at timestamptz);
         alter table posts add foreign key (best) references comments;
         insert into posts values (1, null, '2024-01-01Z'), (2, null, null);
         insert into comments values (1, 1, '2024-01-01Z'), (2, 1, '2024-01-01Z'), (3, 2, null);
         update posts set best = 3 where id = 2",
        &[],
    )
    .await;
    let before = rows(&db, &["posts", "comments"]).await;
    let soft = |name: &'static str| SoftDeleted::new(name).deleted_at("deleted_at");
    let manager = SchemaManager::new(&db);
    // Comment 1 is the best one of its post: a ring.
    run(&db, "update posts set best = 1 where id = 1").await;
    let error = manager
        .adopt_soft_deleted([soft("posts"), soft("comments")])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in a ring"), "{error}");
    run(&db, "update posts set best = null where id = 1").await;
    let adopted = manager
        .adopt_soft_deleted([soft("posts"), soft("comments")])
        .await
        .unwrap();
    assert_eq!((adopted.archivals, adopted.rows()), (1, 3));
    manager
        .restore_soft_deleted(["posts", "comments"])
        .await
        .unwrap();
    assert_eq!(rows(&db, &["posts", "comments"]).await, before);
}

#[tokio::test]
async fn partitioned_table() {
    let (_database, db) = tables(
        "create table events (id int, day date, slug text, deleted_at timestamptz, primary key (id, day)) partition by range (day);
         create table events_1 partition of events for values from ('2024-01-01') to ('2025-01-01');
         create table events_2 partition of events default;
         create unique index events_slug_key on events (day, slug) where deleted_at is null;
         insert into events values (1, '2024-05-05', 'a', null), (2, '2024-05-05', 'a', '2024-06-01Z'), (3, '2025-05-05', 'a', '2024-07-01Z')",
        &[],
    )
    .await;
    let before = rows(&db, &["events"]).await;
    let manager = SchemaManager::new(&db);
    let events = SoftDeleted::new("events").deleted_at("deleted_at");
    let adopted = manager.adopt_soft_deleted([events]).await.unwrap();
    assert_eq!((adopted.archivals, adopted.rows()), (2, 2));
    assert_eq!(
        texts(&db, "select indexdef from pg_indexes where tablename = 'events_1' and indexdef like '%slug%'").await,
        ["CREATE UNIQUE INDEX events_1_day_slug_idx1 ON public.events_1 USING btree (day, slug)"]
    );
    manager.restore_soft_deleted(["events"]).await.unwrap();
    assert_eq!(rows(&db, &["events"]).await, before);
    assert_eq!(
        count(
            &db,
            "pg_indexes where tablename = 'events_1' and indexdef like '%deleted_at IS NULL%'"
        )
        .await,
        1
    );
}
