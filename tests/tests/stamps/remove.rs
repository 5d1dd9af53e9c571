//! Taking the stamps off, and what stays.

use sea_orm_archive_migration::{ArchiveSchema, StampSchema};

use crate::stamps::database::{Stamped, assert_refused};

const DEFAULTS: &str = "select coalesce(string_agg(attname || ' ' || pg_get_expr(adbin, adrelid), ', ' order by adnum), '')
    from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where adrelid = 'posts'::regclass";

#[tokio::test]
async fn unstamping_keeps_the_columns_and_what_was_there_before() {
    let m = Stamped::tables(
        "create table posts (id bigint primary key, title text, created_at timestamptz default now(), updated_by bigint);
         insert into posts values (1)",
    )
    .await;
    let manager = m.manager();
    manager.archive_existing_table("posts").await.unwrap();
    manager.stamp_table("posts").await.unwrap();
    assert_eq!(m.traces().await, ["posts", "posts_1_stamp"]);
    m.write_as(7, "update posts set title = 'x'").await;
    let before = m.dump("posts").await;
    for _ in 0..2 {
        manager.unstamp_table("posts").await.unwrap();
    }
    assert_eq!(m.dump("posts").await, before);
    assert_eq!(m.one(DEFAULTS).await, "created_at now()");
    assert_eq!(m.traces().await, Vec::<String>::new());
    assert_eq!(
        m.one("select count(*)::text from pg_trigger where tgrelid = 'posts'::regclass")
            .await,
        "0"
    );
    m.write_as(8, "update posts set title = 'y', created_by = 1")
        .await;
    assert_eq!(m.by(1).await, "1 7");

    // And again.
    manager.stamp_table("posts").await.unwrap();
    m.write_as(9, "update posts set title = 'z', created_by = 2")
        .await;
    assert_eq!(m.by(1).await, "1 9");
}

#[tokio::test]
async fn a_default_that_was_changed_since_stays() {
    let m = Stamped::posts().await;
    m.run("alter table posts alter created_at set default '2000-01-01'::timestamptz, alter created_by set default 3")
        .await;
    m.manager().unstamp_table("posts").await.unwrap();
    let defaults = m.one(DEFAULTS).await;
    assert!(
        defaults.starts_with("version 0, created_at '2000-01-01")
            && defaults.ends_with("created_by 3"),
        "{defaults}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_no_error() {
    let m = Stamped::tables("create table a (id int primary key)").await;
    let manager = m.manager();
    manager.unstamp_table("a").await.unwrap();
    manager.unstamp_table("nothing").await.unwrap();
    manager.uninstall_archive().await.unwrap();
    manager.unstamp_table("a").await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_dropped_leaves_nothing() {
    let m = Stamped::posts().await;
    let manager = m.manager();
    manager.archive_existing_table("posts").await.unwrap();
    manager.drop_archived_table("posts").await.unwrap();
    assert_eq!(m.traces().await, Vec::<String>::new());

    // Without a word to the archive: it notices when it is next asked.
    m.run("create table posts (id int primary key)").await;
    manager.stamp_table("posts").await.unwrap();
    m.run("drop table posts").await;
    manager.install_archive().await.unwrap();
    assert_eq!(m.traces().await, Vec::<String>::new());
}

/// Nothing is forgotten while a table has the name: the helpers of that one decide.
#[tokio::test]
async fn a_table_in_the_place_of_a_stamped_one_takes_over_or_drops_the_stamps() {
    let m = Stamped::posts().await;
    let manager = m.manager();
    for again in [true, false] {
        m.run("drop table posts; create table posts (id int primary key)")
            .await;
        manager.install_archive().await.unwrap();
        assert_eq!(m.traces().await.len(), 2);
        match again {
            true => manager.stamp_table("posts").await.unwrap(),
            false => manager.unstamp_table("posts").await.unwrap(),
        }
        assert_eq!(m.traces().await.len(), if again { 2 } else { 0 });
    }
}

#[tokio::test]
async fn the_archive_stays_while_a_table_is_stamped() {
    let m = Stamped::posts().await;
    let manager = m.manager();
    assert_refused(
        manager.uninstall_archive().await,
        &["public.posts is stamped", "unstamp_table"],
    );
    manager.install_archive().await.unwrap();
    m.write_as(8, "update posts set title = 'x' where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 8");
    manager.unstamp_table("posts").await.unwrap();
    manager.uninstall_archive().await.unwrap();
    m.run("drop table posts").await;
    manager.install_archive().await.unwrap();
}

#[tokio::test]
async fn a_stamped_table_that_is_gone_keeps_nobody_from_uninstalling() {
    let m = Stamped::posts().await;
    m.run("drop table posts").await;
    m.manager().uninstall_archive().await.unwrap();
    assert_eq!(
        m.one("select count(*)::text from pg_namespace where nspname = 'archive'")
            .await,
        "0"
    );
}
