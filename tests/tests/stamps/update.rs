//! The stamps of updates.

use sea_orm_archive::Context;

use crate::stamps::database::{Done, Stamped, one, run};

const LAST: &str = "select updated_at::text from posts where id = 1";

#[tokio::test]
async fn update_stamps_actor_and_time() {
    let m = Stamped::posts().await;
    m.write_as(7, "insert into posts (id, title) values (3, 'three')")
        .await;
    let created = m
        .one("select created_at::text from posts where id = 3")
        .await;
    m.write_as(8, "update posts set title = 'drei' where id = 3")
        .await;
    assert_eq!(m.by(3).await, "7 8");
    assert_eq!(
        m.one("select created_at::text from posts where id = 3")
            .await,
        created
    );
    assert_eq!(
        m.one("select (updated_at > created_at)::text from posts where id = 3")
            .await,
        "true"
    );
}

#[tokio::test]
async fn updates_of_one_transaction_have_different_times() {
    let m = Stamped::posts().await;
    let txn = Context::new().actor(7).begin(&m.web).await.unwrap();
    run(&txn, "update posts set title = 'a' where id = 1").await;
    let first = one(&txn, LAST).await;
    run(&txn, "update posts set title = 'b' where id = 1").await;
    let later = format!("select (updated_at > '{first}')::text from posts where id = 1");
    assert_eq!(one(&txn, &later).await, "true");
}

#[tokio::test]
async fn update_without_an_actor_sets_updated_by_to_null() {
    let m = Stamped::posts().await;
    m.write_as(7, "update posts set title = 'a' where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 7");
    m.write("update posts set title = 'b' where id = 1").await;
    assert_eq!(m.by(1).await, "- -");
    // After a transaction with an actor the setting of the session is the empty text, not NULL.
    let session = m.database.session_as("a", "web").await;
    for sql in [
        "begin; select archive.set_context('7', null, null, null); commit",
        "update posts set title = 'c' where id = 1",
    ] {
        run(&session.db(), sql).await;
    }
    assert_eq!(m.by(1).await, "- -");
}

#[tokio::test]
async fn nested_contexts_stamp_their_own_actor() {
    let m = Stamped::posts().await;
    let outer = Context::new().actor(7).begin(&m.web).await.unwrap();
    run(&outer, "update posts set title = 'a' where id = 1").await;
    Context::new()
        .actor(8)
        .run(&outer, async |txn| -> Done {
            run(txn, "update posts set title = 'b' where id = 2").await;
            Ok(())
        })
        .await
        .unwrap();
    let by = "select string_agg(updated_by::text, ' ' order by id) from posts";
    assert_eq!(one(&outer, by).await, "7 8");
    run(&outer, "update posts set title = 'c' where id = 2").await;
    assert_eq!(one(&outer, by).await, "7 7");
    outer.commit().await.unwrap();
}

#[tokio::test]
async fn stamps_set_by_a_client_are_overwritten() {
    let m = Stamped::posts().await;
    m.write_as(7, "insert into posts (id, title) values (3, 'three')")
        .await;
    let created = "select created_at::text from posts where id = 3";
    let before = m.one(created).await;
    m.write_as(
        8,
        "update posts set title = 'drei', created_at = '2000-01-01', created_by = 99, updated_at = '2000-01-01',
             updated_by = 99 where id = 3",
    )
    .await;
    assert_eq!(m.by(3).await, "7 8");
    assert_eq!(m.one(created).await, before);
    assert_eq!(
        m.one("select (updated_at >= created_at)::text from posts where id = 3")
            .await,
        "true"
    );
}

#[tokio::test]
async fn update_without_a_change_does_not_stamp() {
    let m = Stamped::posts().await;
    let before = m.dump("posts").await;
    m.write_as(
        8,
        "update posts set title = title, price = 1.0 where id = 1",
    )
    .await;
    m.write_as(
        8,
        "update posts set created_at = '2000-01-01', created_by = 99",
    )
    .await;
    assert_eq!(m.dump("posts").await, before);
    // 1.0 and 1.00 are equal, but a different value.
    m.write_as(8, "update posts set price = 1.00 where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 8");
}

#[tokio::test]
async fn setting_updated_at_is_a_change() {
    let m = Stamped::posts().await;
    m.write_as(8, "update posts set updated_at = '2000-01-01' where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 8");
    assert_eq!(
        m.one("select (updated_at > '2001-01-01')::text from posts where id = 1")
            .await,
        "true"
    );
}

#[tokio::test]
async fn upsert_stamps_as_the_insert_or_update_that_it_executes() {
    let m = Stamped::posts().await;
    let upsert =
        "insert into posts (id, title) values (3, 'a') on conflict (id) do update set title = 'b'";
    m.write_as(7, upsert).await;
    assert_eq!(m.by(3).await, "7 7");
    m.write_as(8, upsert).await;
    assert_eq!(m.by(3).await, "7 8");
}

#[tokio::test]
async fn update_of_a_lock_version_is_stamped() {
    let m = Stamped::posts().await;
    m.write_as(
        8,
        "update posts set title = 'x', version = version + 1 where id = 1 and version = 0",
    )
    .await;
    assert_eq!(m.by(1).await, "- 8");
    assert_eq!(
        m.one("select version::text from posts where id = 1").await,
        "1"
    );
}

#[tokio::test]
async fn change_by_another_trigger_is_stamped() {
    let m = Stamped::posts().await;
    m.run(
        "create function upper_title() returns trigger language plpgsql as $$
         begin new.title := upper(new.title); return new; end $$;
         create trigger title before update on posts for each row execute function upper_title()",
    )
    .await;
    m.write_as(8, "update posts set title = title where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 8");
}

#[tokio::test]
async fn table_may_have_only_some_of_the_stamps() {
    use sea_orm_archive_migration::{StampSchema, StampedTable};
    let m =
        Stamped::tables("create table a (id int primary key, x int); insert into a values (1, 1)")
            .await;
    let manager = m.manager();
    let times = StampedTable::new("a")
        .without_created_by()
        .without_updated_by();
    manager.stamp_table(times).await.unwrap();
    m.write_as("alice", "update a set x = 2, created_at = '2000-01-01'")
        .await;
    let unchanged = "select concat(created_at > '2001-01-01', ' ', updated_at > created_at) from a";
    assert_eq!(m.one(unchanged).await, "t t");

    manager.unstamp_table("a").await.unwrap();
    let who = StampedTable::new("a")
        .without_created_at()
        .without_updated_at();
    manager.stamp_table(who).await.unwrap();
    let before = m.one("select updated_at::text from a").await;
    m.write_as(7, "update a set x = 3").await;
    assert_eq!(
        m.one("select concat(updated_at, '=', updated_by) from a")
            .await,
        format!("{before}=7")
    );

    manager.unstamp_table("a").await.unwrap();
    let created = StampedTable::new("a")
        .without_updated_at()
        .without_updated_by();
    manager.stamp_table(created).await.unwrap();
    m.write_as(8, "update a set x = 4, created_by = 99").await;
    assert_eq!(
        m.one("select concat(updated_by, coalesce(created_by, 0)) from a")
            .await,
        "70"
    );
}
