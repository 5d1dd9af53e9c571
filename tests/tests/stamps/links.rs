//! Foreign keys from the stamps to the users.

use sea_orm_archive_migration::StampSchema;

use crate::stamps::database::{Stamped, assert_refused};

/// User 7 created post 1, and user 8 changed it.
async fn posts(action: &str) -> Stamped {
    let m = Stamped::tables(&format!(
        "create table users (id bigint primary key);
         insert into users values (1), (7), (8);
         create table posts (id bigint primary key, title text,
                             created_by bigint references users {action},
                             updated_by bigint references users {action});"
    ))
    .await;
    m.manager().stamp_table("posts").await.unwrap();
    m.write_as(7, "insert into posts (id) values (1)").await;
    m.write_as(8, "update posts set title = 'x'").await;
    assert_eq!(m.by(1).await, "7 8");
    m
}

const ORPHANS: &str = "select count(*)::text from posts
    where not exists (select from users where id = coalesce(created_by, id))
       or not exists (select from users where id = coalesce(updated_by, id))";

#[tokio::test]
async fn on_delete_set_null_clears_stamps_of_deleted_users() {
    let m = posts("on delete set null").await;
    let before = m.one("select updated_at::text from posts").await;
    // The deleted user is the actor: a stamp of this update would refer to the deleted user.
    m.write_as(8, "delete from users where id = 8").await;
    assert_eq!(m.by(1).await, "7 -");
    m.write_as(7, "delete from users where id = 7").await;
    assert_eq!(m.by(1).await, "- -");
    assert_eq!(m.one(ORPHANS).await, "0");
    assert_eq!(m.one("select updated_at::text from posts").await, before);
}

#[tokio::test]
async fn on_update_cascade_changes_the_stamps() {
    let m = posts("on update cascade").await;
    m.write_as(8, "update users set id = id + 10").await;
    assert_eq!(m.by(1).await, "17 18");
    assert_eq!(m.one(ORPHANS).await, "0");
}

#[tokio::test]
async fn trigger_of_another_table_cannot_set_the_stamps() {
    let m = posts("").await;
    m.run(
        "create function forge() returns trigger language plpgsql as $$
         begin update posts set title = 'f', created_by = 8, updated_by = 7; return null; end $$;
         create trigger forge after update on users for each row execute function forge()",
    )
    .await;
    m.write_as(8, "update users set id = id where id = 7").await;
    assert_eq!(m.by(1).await, "7 8");
    assert_eq!(m.one("select title from posts").await, "f");
}

#[tokio::test]
async fn foreign_key_refuses_an_actor_that_is_no_user() {
    let m = posts("").await;
    assert_refused(
        m.try_as(9, "update posts set title = 'y'").await,
        &["violates foreign key"],
    );
}
