//! The page of the guide shows what the command prints. `UPDATE_GUIDE=1` writes the page.

use std::fs;

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run as sql;

use crate::program::Blog;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/command.md");

#[tokio::test]
async fn page_shows_what_the_command_prints() {
    let blog = Blog::new().await;
    for (key, by, reason) in [(1, 7, "spam"), (2, 1, "asked for by the author")] {
        let archive = post::Entity::archive_by_id(key).by(by).reason(reason);
        archive.exec(&blog.db).await.unwrap();
    }
    sql(
        &blog.db,
        "insert into posts (id, title, slug, content, author_id) values (9, 'Another', 'one', '', 1)",
    )
    .await;
    sql(
        &blog.db,
        "begin; select set_config('app.current_user', '9', true), set_config('app.request_id', 'r-17', true);
         update posts set title = 'Vandalized' where id = 3; delete from posts where id = 9; commit",
    )
    .await;
    sql(&blog.db, "insert into posts (id, title, slug, content, author_id) values (10, 'Another', 'one', '', 1)").await;
    let page = fs::read_to_string(PAGE).unwrap();
    let printed = printed(&blog, &page);
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        fs::write(PAGE, printed).unwrap();
    } else {
        assert_eq!(page, printed, "UPDATE_GUIDE=1 writes the page");
    }
}

/// The page with what each of its commands prints now.
fn printed(blog: &Blog, page: &str) -> String {
    let mut lines = Vec::new();
    let mut in_console = false;
    for line in page.lines() {
        let is_fence = line.starts_with("```");
        in_console = if is_fence {
            line == "```console"
        } else {
            in_console
        };
        if let Some(command) = line.strip_prefix("$ sea-orm-archive ") {
            lines.push(line.to_owned());
            let ran = blog.run(&arguments(command));
            lines.extend(ran.err.lines().chain(ran.out.lines()).map(stable));
        } else if is_fence || !in_console || lines.last().is_some_and(|line| line == "```console") {
            lines.push(line.to_owned());
        }
    }
    format!("{}\n", lines.join("\n"))
}

fn arguments(command: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    for (place, quoted) in command.split('"').enumerate() {
        match place % 2 {
            0 => arguments.extend(quoted.split_whitespace()),
            _ => arguments.push(quoted),
        }
    }
    arguments
}

/// Times and the numbers of transactions as they are in the page.
fn stable(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        if word.len() > 19 && word.as_bytes()[10] == b'T' && word.starts_with("20") {
            words.push("2026-11-26T14:03:12.345678+00:00".to_owned());
            continue;
        }
        let is_date = word.len() == 10
            && word.chars().all(|c| c.is_ascii_digit() || c == '-')
            && word.matches('-').count() == 2;
        let is_time = word.len() >= 8 && word.as_bytes()[2] == b':' && word.as_bytes()[5] == b':';
        let is_transaction = words.last().is_some_and(|before| before == "transaction");
        words.push(match (is_date, is_time, is_transaction) {
            (true, ..) => "2026-11-26".to_owned(),
            (_, true, _) => "14:03:12+00:00".to_owned(),
            (.., true) => "812".to_owned(),
            _ => word.to_owned(),
        });
    }
    words.join(" ").trim_end().to_owned()
}
