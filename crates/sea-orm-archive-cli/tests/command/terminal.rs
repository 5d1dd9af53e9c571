//! Questions on a terminal.

use std::time::Duration;

use blog::post;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Eof, Expect, Session};
use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{number, run as sql, texts};

use crate::program::{Blog, command};

pub fn start(blog: &Blog, arguments: &[&str]) -> OsSession {
    let mut command = command();
    command.env("DATABASE_URL", blog.url()).args(arguments);
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_decides_and_ctrl_c_leaves_nothing_half_done() {
    let blog = Blog::new().await;
    post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    let active = || number(&blog.db, "select count(*) from posts where id = 1");

    let mut session = start(&blog, &["restore", "1"]);
    session.expect("1 public.posts").unwrap();
    session.expect("Restore archival 1? [y/N]").unwrap();
    session.send_line("n").unwrap();
    session.expect("nothing was changed").unwrap();
    session.expect(Eof).unwrap();
    assert_eq!(active().await, 0);

    let mut session = start(&blog, &["restore", "1"]);
    session.expect("[y/N]").unwrap();
    session.send(ControlCode::EndOfText).unwrap();
    session.expect(Eof).unwrap();
    assert_eq!(active().await, 0);

    let mut session = start(&blog, &["restore", "1"]);
    session.expect("[y/N]").unwrap();
    session.send_line("y").unwrap();
    session.expect("archival 1 restored").unwrap();
    session.expect(Eof).unwrap();
    assert_eq!(active().await, 1);
}

/// A row that refers to the inserted one is added after the plan, and is not committed when the undo deletes.
#[tokio::test(flavor = "multi_thread")]
async fn undo_of_an_insert_waits_for_a_row_that_refers_to_it_and_deletes_neither() {
    let blog = Blog::new().await;
    sql(
        &blog.db,
        "begin; select set_config('app.request_id', 'r1', true);
         insert into posts (id, title, slug, content, author_id) values (50, 'New', 'new', '', 1); commit",
    )
    .await;
    let mut session = start(&blog, &["undo", "--request", "r1"]);
    session.expect("[y/N]").unwrap();
    let other = blog.db.begin().await.unwrap();
    let comment =
        "insert into comments (id, post_id, author_id, content) values (60, 50, 2, 'of another')";
    sql(&other, comment).await;
    let refused = tokio::task::spawn_blocking(move || {
        session.send_line("y").unwrap();
        session.expect("comments_post_id_fkey of public.comments")?;
        session.expect(Eof)
    });
    blog.until_waiting(&refused).await;
    other.commit().await.unwrap();
    refused.await.unwrap().unwrap();
    let left = "select (select count(*) from posts where id = 50) + (select count(*) from comments where id = 60)";
    assert_eq!(number(&blog.db, left).await, 2);
}

/// A connection that replaces a lost one has the same actor and tenant.
#[tokio::test(flavor = "multi_thread")]
async fn context_outlasts_a_connection_that_is_lost_at_the_question() {
    let blog = Blog::new().await;
    sql(
        &blog.db,
        "begin; select set_config('app.request_id', 'r1', true); update posts set title = 'Changed' where id = 1; commit",
    )
    .await;
    let mut session = start(&blog, &["undo", "--request", "r1", "--as", "7"]);
    session.expect("[y/N]").unwrap();
    sql(
        &blog.db,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    )
    .await;
    session.send_line("y").unwrap();
    session.expect("1 change(s) undone").unwrap();
    session.expect(Eof).unwrap();
    let actor = "select actor from archive.audit_entry order by id desc limit 1";
    assert_eq!(texts(&blog.db, actor).await, ["7"]);
}

/// The row is purged between the question whether it exists and the hold, which waits for the purge.
#[tokio::test(flavor = "multi_thread")]
async fn hold_is_not_placed_on_a_row_that_is_being_purged() {
    let blog = Blog::new().await;
    let archival = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    let purge = blog.db.begin().await.unwrap();
    archival.purge(&purge).await.unwrap();
    let mut session = start(&blog, &["hold", "posts", "1", "--reason", "case 17"]);
    let refused = tokio::task::spawn_blocking(move || {
        session.expect("there is no row posts 1")?;
        session.expect(Eof)
    });
    blog.until_waiting(&refused).await;
    purge.commit().await.unwrap();
    refused.await.unwrap().unwrap();
    let holds = "select count(*) from archive.hold";
    assert_eq!(number(&blog.db, holds).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn purge_leaves_what_was_archived_while_the_question_was_open() {
    let blog = Blog::new().await;
    post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    let mut session = start(&blog, &["purge", "--older-than", "0"]);
    session
        .expect("Delete 1 archival(s) for good? [y/N]")
        .unwrap();
    post::Entity::archive_by_id(2).exec(&blog.db).await.unwrap();
    session.send_line("y").unwrap();
    session.expect("purged: 1 archival(s)").unwrap();
    session.expect(Eof).unwrap();
    assert_eq!(
        texts(&blog.db, "select id::text from deleted_posts").await,
        ["2"]
    );
}
