//! The actor of the context, converted to the type of the column.

use sea_orm_archive_migration::{ArchiveSchema, ContextSettings, StampSchema, StampedTable};
use sea_orm_migration::prelude::ColumnType;

use crate::stamps::database::{Stamped, assert_refused};

async fn stamped_by(column_type: ColumnType) -> Stamped {
    let m = Stamped::tables(
        "create table posts (id bigint primary key, title text);
         insert into posts values (1, 'one');
         create domain short as text check (length(value) < 4)",
    )
    .await;
    let posts = StampedTable::new("posts").by(column_type);
    m.manager().stamp_table(posts).await.unwrap();
    m
}

/// Checks that an insert and an update fail with an error that contains these texts, and write nothing.
async fn refuses(m: &Stamped, actor: &str, parts: &[&str]) {
    let before = m.dump("posts").await;
    for sql in [
        "insert into posts (id) values (2)",
        "update posts set title = concat(title, 'x')",
    ] {
        assert_refused(m.try_as(actor, sql).await, parts);
    }
    assert_eq!(m.dump("posts").await, before);
}

#[tokio::test]
async fn actor_that_does_not_fit_the_type_fails_the_statement() {
    let m = stamped_by(ColumnType::BigInteger).await;
    refuses(
        &m,
        "alice",
        &[
            "the actor \"alice\" of the context does not fit",
            "bigint",
            "nothing was written",
            "give the context an actor of the type",
        ],
    )
    .await;
    refuses(
        &m,
        "99999999999999999999",
        &["out of range", "nothing was written"],
    )
    .await;
    assert_refused(
        m.try_as("alice", "update posts set title = 'x'").await,
        &["\"updated_by\" of public.posts"],
    );
}

#[tokio::test]
async fn actor_too_long_for_varchar_fails_the_statement() {
    let m = stamped_by(ColumnType::string(Some(5))).await;
    m.write_as("alice", "update posts set title = 'x'").await;
    assert_eq!(m.by(1).await, "- alice");
    refuses(&m, "alicia", &["too long"]).await;
}

#[tokio::test]
async fn actor_too_long_for_char_fails_the_statement() {
    let m = stamped_by(ColumnType::Char(Some(3))).await;
    m.write_as("bob", "insert into posts (id) values (2)").await;
    assert_eq!(m.by(2).await, "bob bob");
    refuses(&m, "alice", &["too long"]).await;
}

#[tokio::test]
async fn actor_may_be_text_a_uuid_or_of_a_domain() {
    let m = stamped_by(ColumnType::Text).await;
    m.write_as("Ä \"b\" 'c'", "update posts set title = 'x'")
        .await;
    assert_eq!(m.by(1).await, "- Ä \"b\" 'c'");

    let id = "6b7a3c3e-0000-4000-8000-000000000001";
    let m = stamped_by(ColumnType::Uuid).await;
    m.write_as(
        id,
        "update posts set title = 'x'; insert into posts (id) values (2)",
    )
    .await;
    assert_eq!(m.by(1).await, format!("- {id}"));
    assert_eq!(m.by(2).await, format!("{id} {id}"));
    refuses(&m, "7", &["uuid", "nothing was written"]).await;

    let m = stamped_by(ColumnType::custom("short")).await;
    m.write_as(
        "bob",
        "update posts set title = 'x'; insert into posts (id) values (2)",
    )
    .await;
    assert_eq!(m.by(2).await, "bob bob");
    refuses(&m, "alice", &["nothing was written"]).await;
}

#[tokio::test]
async fn search_path_does_not_change_functions_and_operators_of_the_stamps() {
    let m = Stamped::posts().await;
    m.run(
        "create schema evil;
         create function evil.yes(text, text) returns boolean language sql return true;
         create function evil.yes(oid, oid) returns boolean language sql return true;
         create function evil.yes(bigint, bigint) returns boolean language sql return true;
         create operator evil.= (function = evil.yes, leftarg = text, rightarg = text);
         create operator evil.<> (function = evil.yes, leftarg = text, rightarg = text);
         create operator evil.> (function = evil.yes, leftarg = bigint, rightarg = bigint);
         create function evil.clock_timestamp() returns timestamptz language sql return '2000-01-01'::timestamptz;
         create function evil.current_setting(text, boolean) returns text language sql return '99'",
    )
    .await;
    m.grant("evil").await;
    m.write_as(
        8,
        "set local search_path = evil, pg_catalog, public;
         update posts set title = 'x' where id operator(pg_catalog.=) 1;
         insert into posts (id) values (3)",
    )
    .await;
    assert_eq!(m.by(1).await, "- 8");
    assert_eq!(m.by(3).await, "8 8");
    assert_eq!(
        m.one("select (updated_at > '2001-01-01')::text from posts where id = 1")
            .await,
        "true"
    );
}

#[tokio::test]
async fn setting_of_the_actor_can_be_renamed() {
    let m = Stamped::posts().await;
    let settings = ContextSettings::new().actor("myapp.user_id");
    m.manager().name_context_settings(settings).await.unwrap();
    m.write_as(
        8,
        "update posts set title = 'x' where id = 1; insert into posts (id) values (3)",
    )
    .await;
    assert_eq!(m.by(1).await, "- 8");
    assert_eq!(m.by(3).await, "8 8");
}
