//! `unstamp_table`, dropped tables, and uninstalling.

use sea_orm_archive_migration::{ArchiveSchema, StampSchema};

use crate::stamps::database::{Stamped, assert_refused};

const DEFAULTS: &str = "select coalesce(string_agg(attname || ' ' || pg_get_expr(adbin, adrelid), ', ' order by adnum), '')
    from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where adrelid = 'posts'::regclass";

#[tokio::test]
async fn unstamp_leaves_the_columns_and_earlier_defaults() {
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

    // The table can be stamped again.
    manager.stamp_table("posts").await.unwrap();
    m.write_as(9, "update posts set title = 'z', created_by = 2")
        .await;
    assert_eq!(m.by(1).await, "1 9");
}

#[tokio::test]
async fn unstamp_leaves_a_default_that_was_changed() {
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
async fn unstamp_of_an_unstamped_or_missing_table_succeeds() {
    let m = Stamped::tables("create table a (id int primary key)").await;
    let manager = m.manager();
    manager.unstamp_table("a").await.unwrap();
    manager.unstamp_table("nothing").await.unwrap();
    manager.uninstall_archive().await.unwrap();
    manager.unstamp_table("a").await.unwrap();
}

#[tokio::test]
async fn dropped_table_leaves_no_function_and_no_registration() {
    let m = Stamped::posts().await;
    let manager = m.manager();
    manager.archive_existing_table("posts").await.unwrap();
    manager.drop_archived_table("posts").await.unwrap();
    assert_eq!(m.traces().await, Vec::<String>::new());

    // Dropped with plain SQL: the next helper call deletes the registration.
    m.run("create table posts (id int primary key)").await;
    manager.stamp_table("posts").await.unwrap();
    m.run("drop table posts").await;
    manager.install_archive().await.unwrap();
    assert_eq!(m.traces().await, Vec::<String>::new());
}

/// While a table has the name, its registration stays until a helper for that table is called.
#[tokio::test]
async fn new_table_with_the_name_of_a_stamped_one_can_be_stamped_or_unstamped() {
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
async fn uninstall_is_refused_while_a_table_is_stamped() {
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
async fn dropped_stamped_table_does_not_block_uninstall() {
    let m = Stamped::posts().await;
    m.run("drop table posts").await;
    m.manager().uninstall_archive().await.unwrap();
    assert_eq!(
        m.one("select count(*)::text from pg_namespace where nspname = 'archive'")
            .await,
        "0"
    );
}
