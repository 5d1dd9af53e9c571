//! Undos that would lose rows, and output that would mislead or fail.

use std::io::Read;
use std::process::Stdio;

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{AuditSchema, HoldSchema};
use sea_orm_archive_tests::sql::{dumps, number, run as sql, texts};
use sea_orm_migration::SchemaManager;

use crate::program::{Blog, command, run};

const TABLES: [&str; 3] = ["posts", "comments", "users"];

async fn request(blog: &Blog, id: &str, changes: &str) {
    sql(&blog.db, &format!("begin; select set_config('app.current_user', '7', true), set_config('app.request_id', '{id}', true); {changes}; commit")).await;
}

/// The foreign key of comments is ON DELETE CASCADE.
#[tokio::test]
async fn rows_that_others_added_below_an_inserted_row_are_not_deleted_with_it() {
    let blog = Blog::new().await;
    request(
        &blog,
        "r1",
        "insert into posts (id, title, slug, content, author_id) values (50, 'New', 'new', '', 1)",
    )
    .await;
    request(
        &blog,
        "r2",
        "insert into comments (id, post_id, author_id, content) values (60, 50, 2, 'of another')",
    )
    .await;
    let before = dumps(&blog.db, &TABLES).await;
    let refused = blog.run(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused
            .out
            .contains("comments_post_id_fkey of public.comments"),
        "{refused:?}"
    );
    assert_eq!(dumps(&blog.db, &TABLES).await, before);
    blog.json(&["undo", "--request", "r2", "--yes"]);
    blog.json(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(
        number(&blog.db, "select count(*) from posts where id = 50").await,
        0
    );
}

#[tokio::test]
async fn rows_that_were_changed_and_archived_by_one_request_are_changed_back() {
    let blog = Blog::new().await;
    let before = dumps(&blog.db, &TABLES).await;
    sea_orm_archive::Context::new()
        .actor(7)
        .request_id("r1")
        .run(&blog.db, async |transaction| {
            sql(transaction, "update posts set title = 'Changed' where id = 1; insert into posts (id, title, slug, content, author_id) values (50, '', 'fifty', '', 1)").await;
            post::Entity::archive_by_id(50).exec(transaction).await?;
            post::Entity::archive_by_id(1).exec(transaction).await?;
            // It takes the slug of the archived one.
            sql(transaction, "insert into posts (id, title, slug, content, author_id) values (51, '', 'one', '', 1)").await;
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    let undone = blog.json(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(undone["undone"], 5, "{undone}");
    assert_eq!(dumps(&blog.db, &TABLES).await, before);
}

#[tokio::test]
async fn generated_columns_are_no_conflict_and_a_renamed_one_of_a_deleted_row_is() {
    let blog = Blog::new().await;
    sql(
        &blog.db,
        "create table prices (id int primary key, net int, gross int generated always as (net * 2) stored, note text);
         insert into prices values (1, 10, default, 'one'), (2, 20, default, 'two')",
    )
    .await;
    let manager = SchemaManager::new(&blog.db);
    manager.audit_table("prices").await.unwrap();
    request(&blog, "r1", "update prices set net = 11 where id = 1").await;
    blog.json(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(
        number(&blog.db, "select net::bigint from prices where id = 1").await,
        10
    );
    request(&blog, "r2", "delete from prices where id = 2").await;
    sql(&blog.db, "alter table prices rename column note to remark").await;
    manager.audit_table("prices").await.unwrap();
    let refused = blog.run(&["undo", "--request", "r2", "--yes"]);
    assert!(
        refused.code == 1 && refused.out.contains("the column note was renamed"),
        "{refused:?}"
    );
    assert_eq!(number(&blog.db, "select count(*) from prices").await, 1);
}

#[tokio::test]
async fn purged_rows_do_not_come_back_as_active_ones() {
    let blog = Blog::new().await;
    let archival = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    sea_orm_archive::Context::new()
        .actor(7)
        .request_id("r1")
        .run(&blog.db, async |transaction| {
            archival.purge(transaction).await.map(drop)
        })
        .await
        .unwrap();
    let before = dumps(&blog.db, &TABLES).await;
    let undone = blog.run(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(dumps(&blog.db, &TABLES).await, before, "{undone:?}");
}

/// Escape sequences in values could hide lines of the answer from the operator, or forge some.
#[tokio::test]
async fn control_characters_of_values_are_printed_as_escapes() {
    let blog = Blog::new().await;
    request(
        &blog,
        "r1",
        "update posts set title = e'\\x1b[2Jgone\\nDELETE public.posts 1' where id = 1",
    )
    .await;
    post::Entity::archive_by_id(1)
        .reason("\u{1b}[1A\u{7}")
        .exec(&blog.db)
        .await
        .unwrap();
    for arguments in [
        &["log", "posts", "1"][..],
        &["list"],
        &["show", "1"],
        &["undo", "--request", "r1", "--preview"],
    ] {
        let ran = blog.run(arguments);
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!ran.out.contains(control), "{ran:?}");
        assert!(!ran.out.contains("\nDELETE public.posts 1"), "{ran:?}");
    }
    assert_eq!(
        texts(&blog.db, "select title from deleted_posts").await,
        ["\u{1b}[2Jgone\nDELETE public.posts 1"]
    );
}

#[tokio::test]
async fn password_of_an_unusual_url_is_not_printed() {
    for url in [
        "postgres:u:s3cret@localhost/db",
        "postgres:/u:s3cret@localhost/db",
    ] {
        let ran = run(Some(url), &["list"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.err.contains("s3cret"), "{ran:?}");
    }
}

#[test]
fn wrong_usage_is_json_too() {
    for arguments in [&["--json", "frob"][..], &["list", "--limit", "x", "--json"]] {
        let ran = run(None, arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(answer["exit_code"], 2);
    }
    assert!(run(None, &["--json", "--help"]).out.contains("Usage"));
}

#[test]
fn closed_output_is_no_panic() {
    let mut child = command()
        .args(["list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut printed = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut printed)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{printed}");
    assert_eq!(printed, "");
}

#[tokio::test]
async fn preview_of_an_adoption_does_not_install_the_archive() {
    let database = sea_orm_archive_tests::Database::empty().await;
    let db = database.connect().await;
    sql(&db, "create table tickets (id bigint primary key, deleted_at timestamptz); insert into tickets values (1, now() - interval '1 day'), (2, null)").await;
    let installed = || {
        number(
            &db,
            "select count(*) from pg_namespace where nspname = 'archive'",
        )
    };
    let adopt = ["adopt", "tickets", "--install"];
    let preview = run(
        Some(&database.url()),
        &[&adopt[..], &["--preview"]].concat(),
    );
    assert_eq!(preview.code, 0, "{preview:?}");
    assert!(preview.out.contains("public.tickets  1"), "{preview:?}");
    assert_eq!(installed().await, 0);
    let unanswered = run(Some(&database.url()), &adopt);
    assert_eq!(unanswered.code, 2, "{unanswered:?}");
    assert_eq!(installed().await, 0);
    let adopted = run(Some(&database.url()), &[&adopt[..], &["--yes"]].concat());
    assert_eq!(adopted.code, 0, "{adopted:?}");
    assert_eq!(number(&db, "select count(*) from deleted_tickets").await, 1);
}

#[tokio::test]
async fn answer_that_cannot_be_written_is_an_error() {
    let blog = Blog::new().await;
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut listed = command();
    listed
        .env("DATABASE_URL", blog.url())
        .arg("list")
        .stdout(full);
    let listed = listed.output().unwrap();
    let printed = String::from_utf8(listed.stderr).unwrap();
    assert_eq!(listed.status.code(), Some(6), "{printed}");
    assert!(printed.contains("could not be written"), "{printed}");
}

/// Each grant lets a role act for a tenant and as somebody: it needs no right on the names of the settings.
#[tokio::test]
async fn role_with_a_grant_acts_as_somebody() {
    let blog = Blog::new().await;
    let archival = post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap();
    let manager = SchemaManager::new(&blog.db);
    let role = blog.database.role("counsel").await;
    manager.grant_holds(&role).await.unwrap();
    let url = blog.database.url_as("counsel").await;
    let id = archival.id.to_string();
    let hold = ["hold", &id, "--reason", "case 17", "--as", "7", "--json"];
    let placed = run(Some(&url), &hold);
    assert_eq!(placed.code, 0, "{placed:?}");
    assert!(placed.out.contains(r#""placed_by": "7""#), "{placed:?}");
    let refused = run(Some(&url), &["list", "--json"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.out.contains("Roles and grants"), "{refused:?}");
}

#[tokio::test]
async fn value_in_a_conflict_forges_no_line_of_the_plan() {
    let blog = Blog::new().await;
    let forged = "e'a\\nDELETE public.posts 2'";
    let before = format!("update posts set slug = {forged} where id = 1");
    sql(&blog.db, &before).await;
    request(&blog, "r1", "update posts set slug = 'b' where id = 1").await;
    let taken = format!(
        "insert into posts (id, title, slug, content, author_id) values (50, '', {forged}, '', 1)"
    );
    sql(&blog.db, &taken).await;
    let plan = blog.run(&["undo", "--request", "r1", "--preview"]);
    assert!(plan.out.contains("conflict: duplicate key"), "{plan:?}");
    assert!(!plan.out.contains("\nDELETE"), "{plan:?}");
}
