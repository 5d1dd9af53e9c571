//! Questions on a terminal.

use std::time::Duration;

use blog::post;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Eof, Expect, Session};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::number;

use crate::program::{Blog, command};

fn start(blog: &Blog, arguments: &[&str]) -> OsSession {
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
