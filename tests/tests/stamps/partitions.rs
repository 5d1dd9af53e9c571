//! Stamps of partitioned tables.

use sea_orm_archive_migration::StampSchema;

use crate::stamps::database::{Stamped, assert_refused};

async fn posts() -> Stamped {
    let m = Stamped::tables(
        "create table posts (id bigint, region text, title text, created_at timestamptz not null default now(),
                             primary key (id, region, created_at)) partition by list (region);
         create table posts_a partition of posts for values in ('a');
         create table posts_b partition of posts for values in ('b') partition by range (created_at);
         create table posts_b1 partition of posts_b for values from ('2020-01-01') to ('2100-01-01');
         insert into posts (id, region) values (1, 'a'), (2, 'b')",
    )
    .await;
    m.manager().stamp_table("posts").await.unwrap();
    m
}

#[tokio::test]
async fn updates_are_stamped_in_every_partition() {
    let m = posts().await;
    // A partition with another order of columns, and with a dropped column.
    m.run(
        "create table posts_c (dropped int, updated_by bigint, title text, region text not null, id bigint not null,
                               updated_at timestamptz not null default now(), created_by bigint,
                               created_at timestamptz not null default now());
         alter table posts_c drop column dropped;
         alter table posts attach partition posts_c for values in ('c')",
    )
    .await;
    m.grant("public").await;
    m.write_as(
        7,
        "insert into posts (id, region) values (3, 'c'), (4, 'a')",
    )
    .await;
    m.write_as(8, "update posts set title = 'x'").await;
    for (id, by) in [(1, "- 8"), (2, "- 8"), (3, "7 8"), (4, "7 8")] {
        assert_eq!(m.by(id).await, by);
    }
    // Also in an update of the partition itself.
    m.write_as(9, "update posts_b1 set title = 'y'").await;
    assert_eq!(m.by(2).await, "- 9");
    let before = m.dump("posts").await;
    m.write_as(10, "update posts set title = title").await;
    assert_eq!(m.dump("posts").await, before);
}

#[tokio::test]
async fn row_moved_to_another_partition_is_stamped() {
    let m = posts().await;
    m.write_as(8, "update posts set region = 'b' where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 8");
    assert_eq!(
        m.one("select tableoid::regclass::text from posts where id = 1")
            .await,
        "posts_b1"
    );
    // The trigger resets `created_at`, so the row does not move to another partition.
    m.write_as(
        8,
        "update posts set created_at = '1999-01-01', title = 'z' where id = 1",
    )
    .await;
    assert_eq!(
        m.one("select title from posts where id = 1 and created_at > '2020-01-01'")
            .await,
        "z"
    );
}

#[tokio::test]
async fn generated_column_added_later_is_ignored_in_every_partition() {
    let m = posts().await;
    m.run("alter table posts add column loud text generated always as (upper(title)) stored")
        .await;
    m.write_as(8, "update posts set title = 'x'").await;
    let before = m.dump("posts").await;
    m.write_as(9, "update posts set title = title").await;
    assert_eq!(m.dump("posts").await, before);
}

#[tokio::test]
async fn stamping_a_partition_alone_is_refused() {
    let m = posts().await;
    assert_refused(
        m.manager().stamp_table("posts_a").await,
        &["public.posts_a is a partition"],
    );
}
