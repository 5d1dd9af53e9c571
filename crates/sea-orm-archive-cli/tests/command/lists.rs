//! What the command answers without changing anything.

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::run as sql;

use crate::program::{Blog, run};

#[tokio::test]
async fn archivals_are_found_by_table_actor_reason_and_time() {
    let blog = Blog::new().await;
    for (key, by, reason) in [(1, 1, "Spam"), (2, 2, "old"), (3, 2, "spam again")] {
        post::Entity::archive_by_id(key)
            .by(by)
            .reason(reason)
            .exec(&blog.db)
            .await
            .unwrap();
    }
    sql(&blog.db, "update archive.archival set archived_at = now() - interval '3 days' where root_key = '{\"id\": 2}'").await;
    let found = |arguments: &[&str]| {
        let answer = blog.json(&[&["list"], arguments].concat());
        let archivals = answer["archivals"].as_array().unwrap().clone();
        archivals
            .iter()
            .map(|archival| archival["root_key"]["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&[]), [3, 2, 1]);
    assert_eq!(found(&["posts", "--by", "2"]), [3, 2]);
    assert_eq!(found(&["public.posts", "--reason", "SPAM"]), [3, 1]);
    assert_eq!(found(&["--since", "yesterday"]), [3, 1]);
    assert_eq!(found(&["--until", "yesterday"]), [2]);
    assert_eq!(found(&["comments"]), [0; 0]);
    assert_eq!(found(&["--state", "restored"]), [0; 0]);
    let page = blog.run(&["list", "--limit", "2"]);
    assert!(page.out.contains("the next page: --before 2"), "{page:?}");
    assert_eq!(found(&["--limit", "2", "--before", "2"]), [1]);
    let unknown = blog.run(&["list", "post"]);
    assert_eq!(unknown.code, 3, "{unknown:?}");
    assert!(unknown.err.contains("post"), "{unknown:?}");
    let wrong = blog.run(&["list", "--since", "nonsense"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.err.contains("nonsense"), "{wrong:?}");
}

#[tokio::test]
async fn archival_is_shown_with_its_rows_by_id_and_by_row() {
    let blog = Blog::new().await;
    let archival = post::Entity::archive_by_id(1)
        .reason("spam")
        .exec(&blog.db)
        .await
        .unwrap();
    let id = archival.id.to_string();
    let shown = blog.json(&["show", &id]);
    assert_eq!(shown["rows"]["public.posts"][0]["slug"], "one");
    assert_eq!(
        shown["rows"]["public.comments"].as_array().unwrap().len(),
        2
    );
    for row in [["posts", "1"], ["public.comments", "2"]] {
        assert_eq!(blog.json(&["show", row[0], row[1]]), shown);
    }
    let text = blog.run(&["show", "posts", "1"]).out;
    for expected in ["public.posts", "slug", "one", "second", "spam"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let first = blog.run(&["show", &id, "--rows", "1"]).out;
    assert!(
        first.contains("public.comments has more rows: --rows prints more than 1"),
        "{first}"
    );
    assert!(text.contains("public.comments 2\n"), "{text}");
    assert!(!text.contains("more rows"), "{text}");
    archival.restore(&blog.db).await.unwrap();
    let restored = blog.run(&["show", &id]).out;
    assert!(restored.contains("\nrestored 20"), "{restored}");
    for (missing, code) in [
        (&["show", "99"][..], 3),
        (&["show", "posts", "2"], 3),
        (&["show", "nowhere", "2"], 3),
        (&["show", "posts", "1", "2"], 2),
        (&["show", "x"], 2),
    ] {
        let ran = blog.run(missing);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{ran:?}");
    }
}

#[tokio::test]
async fn check_exits_with_1_where_a_column_is_in_one_table_only() {
    let blog = Blog::new().await;
    let clean = blog.run(&["check"]);
    assert_eq!(clean.code, 0, "{clean:?}");
    sql(&blog.db, "alter table comments add column lang text").await;
    let found = blog.run(&["check"]);
    assert_eq!(found.code, 1);
    assert!(
        found.out.contains("public.comments") && found.out.contains("lang"),
        "{found:?}"
    );
    let json = blog.run(&["check", "--json", "--triggers"]);
    assert_eq!(json.code, 1);
    assert!(json.out.contains("\"remedy\""), "{json:?}");
}

#[tokio::test]
async fn plan_is_drawn_in_three_ways() {
    let blog = Blog::new().await;
    let text = blog.run(&["plan", "posts"]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(text.out.starts_with("public.posts: the root\n"), "{text:?}");
    assert!(
        text.out
            .contains("\n        public.likes (comment_id) ON DELETE CASCADE"),
        "{text:?}"
    );
    assert!(
        blog.run(&["plan", "posts", "--format", "mermaid"])
            .out
            .starts_with("flowchart TD\n")
    );
    assert!(
        blog.run(&["plan", "posts", "--format", "svg"])
            .out
            .starts_with("<svg ")
    );
    assert_eq!(blog.run(&["plan", "users"]).code, 3);
}

#[tokio::test]
async fn log_shows_who_changed_what() {
    let blog = Blog::new().await;
    sql(&blog.db, "begin; select set_config('app.current_user', '7', true), set_config('app.request_id', 'r1', true); update posts set title = 'New' where id = 1; commit").await;
    let log = blog.run(&["log", "posts", "1"]);
    assert!(
        log.out.contains("UPDATE public.posts 1 by 7 request r1")
            && log.out.contains("title: One -> New"),
        "{log:?}"
    );
    assert_eq!(
        blog.json(&["log", "--request", "r1"])["entries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        blog.json(&["log", "--by", "7", "--until", "yesterday"])["entries"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(blog.run(&["log", "nowhere", "1"]).code, 3);
}

#[test]
fn usage_is_explained_and_no_password_is_printed() {
    let none = run(None, &["list"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("DATABASE_URL"), "{none:?}");
    let unreachable = run(Some("postgres://ada:s3cret@127.0.0.1:1/nowhere"), &["list"]);
    assert_eq!(unreachable.code, 5);
    let other = run(Some("mysql://ada:s3cret@127.0.0.1/x"), &["list", "--json"]);
    assert_eq!(other.code, 2);
    assert!(other.out.contains("\"error\""), "{other:?}");
    for ran in [&unreachable, &other] {
        assert!(!format!("{ran:?}").contains("s3cret"), "{ran:?}");
    }
    for expected in ["127.0.0.1", "refused"] {
        assert!(unreachable.err.contains(expected), "{unreachable:?}");
    }
    assert_eq!(run(None, &["--help"]).code, 0);
    assert_eq!(run(None, &["purge"]).code, 2);
    assert!(
        run(None, &["completions", "bash"])
            .out
            .contains("complete -F")
    );
    assert!(run(None, &["man"]).out.contains(".TH sea-orm-archive"));
}
