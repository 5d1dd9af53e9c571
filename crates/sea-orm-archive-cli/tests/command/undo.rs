//! What a request changed, changed back.

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run as sql};

use crate::program::Blog;

const TABLES: [&str; 3] = ["posts", "comments", "users"];

async fn request(blog: &Blog, id: &str, changes: &str) {
    sql(&blog.db, &format!("begin; select set_config('app.current_user', '7', true), set_config('app.request_id', '{id}', true); {changes}; commit")).await;
}

#[tokio::test]
async fn request_over_several_tables_is_undone() {
    let blog = Blog::new().await;
    let before = dumps(&blog.db, &TABLES).await;
    request(
        &blog,
        "r1",
        "update posts set title = 'a' where id = 3; update posts set title = 'b', slug = 'c' where id = 3; update users set email = null where id = 1;
         delete from posts where id = 1; insert into posts (id, title, slug, content, author_id) values (50, 'One', 'one', '', 1);
         insert into comments (id, post_id, author_id, content) values (60, 50, 1, 'new'), (61, 2, 1, 'gone'); delete from comments where id = 61",
    )
    .await;
    let plan = blog.run(&["undo", "--request", "r1", "--preview"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    for step in [
        "insert public.posts 1",
        "insert public.comments 2",
        "delete public.posts 50",
        "title: b -> Three",
        "email: NULL -> ada@example.org",
    ] {
        assert!(plan.out.contains(step), "{step}: {plan:?}");
    }
    assert!(!plan.out.contains("61"), "{plan:?}");
    let undone = blog.json(&["undo", "--request", "r1", "--yes", "--as", "8"]);
    assert_eq!(undone["undone"], 7, "{undone}");
    assert_eq!(dumps(&blog.db, &TABLES).await, before);
    assert_eq!(
        number(
            &blog.db,
            "select count(*) from archive.audit_entry where actor = '8'"
        )
        .await,
        7
    );
    assert_eq!(blog.run(&["undo", "--request", "none"]).code, 0);
}

#[tokio::test]
async fn later_changes_are_conflicts() {
    let blog = Blog::new().await;
    request(&blog, "r1", "update posts set title = 'a', content = 'a' where id = 1; update posts set title = 'a' where id = 2; delete from comments where id = 3").await;
    request(&blog, "r2", "update posts set title = 'b' where id = 1; update posts set content = 'b' where id = 2; insert into comments (id, post_id, author_id, content) values (3, 2, 1, 'x')").await;
    let refused = blog.run(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.out.contains("title is b now, and was a after it")
            && refused.out.contains("a row with this key exists again"),
        "{refused:?}"
    );
    assert_eq!(
        number(&blog.db, "select count(*) from posts where title = 'a'").await,
        1
    );
    let skipped = blog.json(&["undo", "--request", "r1", "--skip-conflicts", "--yes"]);
    assert_eq!(skipped["undone"], 1);
    assert_eq!(
        number(
            &blog.db,
            "select count(*) from posts where id = 2 and title = 'Two' and content = 'b'"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn archive_is_undone_by_a_restore_and_a_restore_is_refused() {
    let blog = Blog::new().await;
    let before = dumps(&blog.db, &TABLES).await;
    let context = || sea_orm_archive::Context::new().actor(7);
    let archival = context()
        .request_id("r1")
        .run(&blog.db, async |transaction| {
            post::Entity::archive_by_id(1).exec(transaction).await
        })
        .await
        .unwrap();
    let undone = blog.json(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(undone["undone"], 1, "{undone}");
    assert_eq!(dumps(&blog.db, &TABLES).await, before);
    let again = blog.run(&["undo", "--request", "r1", "--yes"]);
    assert_eq!(again.code, 1, "{again:?}");
    let archival = match archival.restore(&blog.db).await {
        Ok(_) => panic!("it is restored"),
        Err(_) => post::Entity::archive_by_id(1).exec(&blog.db).await.unwrap(),
    };
    context()
        .request_id("r2")
        .run(&blog.db, async |transaction| {
            archival.restore(transaction).await
        })
        .await
        .unwrap();
    let refused = blog.run(&["undo", "--request", "r2", "--yes"]);
    assert!(
        refused.code == 1 && refused.out.contains("archive_by_id(..)"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn rows_that_one_statement_changes_are_undone_and_each_conflict_is_reported() {
    let blog = Blog::new().await;
    sql(
        &blog.db,
        "alter table users add note text, add joined timestamptz, add born date, add ratio float8, add seen timestamp, add tags text[], add amount numeric;
         insert into users (id, name, joined, born, ratio, seen, tags, amount)
             select n, 'user ' || n, '2026-01-01 10:00:00.123456+03', '1970-01-01', n / 3.0, '2026-01-01 10:00', array['a', null], 12345678901234567890.10 + n from generate_series(100, 2599) as n",
    )
    .await;
    let before = dumps(&blog.db, &TABLES).await;
    for changes in [
        "update users set note = 'x', joined = joined + interval '1 us', born = null, ratio = -ratio, seen = 'infinity', tags = null, amount = amount * 1.000000000000000000001 where id >= 100",
        "delete from users where id >= 100",
        "insert into users (id, name, joined, ratio, tags) select n, 'new ' || n, now(), 0.1, '{{1,2},{3,4}}' from generate_series(5000, 7499) as n",
    ] {
        request(&blog, "all", changes).await;
        let undone = blog.json(&["undo", "--request", "all", "--yes"]);
        assert_eq!(undone["undone"], 2500, "{changes}: {undone}");
        assert_eq!(dumps(&blog.db, &TABLES).await, before, "{changes}");
        sql(&blog.db, "update archive.audit_entry set request_id = null").await;
    }
    request(
        &blog,
        "r2",
        "update users set note = 'x' where id between 100 and 2599",
    )
    .await;
    sql(
        &blog.db,
        "update users set note = 'later' where id in (100, 777, 1500, 2599); delete from users where id = 1501",
    )
    .await;
    let plan = blog.run(&["undo", "--request", "r2", "--preview"]);
    assert_eq!(plan.code, 1, "{}", plan.err);
    let conflicts = |text: &str| plan.out.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        conflicts("conflict: note is later now, and was x after it"),
        4
    );
    assert_eq!(conflicts("conflict: it was deleted or archived since"), 1);
    assert_eq!(conflicts("conflict"), 5);
    let undone = blog.json(&["undo", "--request", "r2", "--skip-conflicts", "--yes"]);
    assert_eq!(undone["undone"], 2495);
    assert_eq!(
        number(&blog.db, "select count(*) from users where note = 'x'").await,
        0
    );
}

#[tokio::test]
async fn what_a_deferred_constraint_refuses_is_a_conflict_of_the_step_that_causes_it() {
    let blog = Blog::new().await;
    sql(
        &blog.db,
        "alter table comments drop constraint comments_author_id_fkey;
         alter table comments add constraint later foreign key (author_id) references users deferrable initially deferred;
         insert into users (id, name) values (8, 'eight'), (9, 'nine')",
    )
    .await;
    request(
        &blog,
        "r1",
        "update users set email = 'a' where id = 1; insert into users (id, name) values (20, 'twenty'), (21, 'new');
         update comments set author_id = 9 where id = 1",
    )
    .await;
    sql(&blog.db, "set session_replication_role = replica; insert into comments (id, post_id, author_id, content) values (50, 2, 20, 'later'); reset session_replication_role").await;
    let plan = blog.run(&["undo", "--request", "r1", "--preview"]);
    assert_eq!(plan.code, 1, "{plan:?}");
    assert_eq!(plan.out.matches("conflict").count(), 1, "{plan:?}");
    let (_, step) = plan.out.split_once("delete public.users 20\n").unwrap();
    assert!(
        step.trim_start().starts_with(
            "conflict: update or delete on table \"users\" violates foreign key constraint"
        ),
        "{plan:?}"
    );
    let undone = blog.json(&["undo", "--request", "r1", "--skip-conflicts", "--yes"]);
    assert_eq!(undone["undone"], 3, "{undone}");
    assert_eq!(
        number(&blog.db, "select count(*) from users where id = 20").await,
        1
    );
}

/// The number of a transaction is used again where a dump was restored into another cluster.
#[tokio::test]
async fn entries_of_two_transactions_with_one_number_are_not_undone() {
    let blog = Blog::new().await;
    for title in ["Before", "After"] {
        let update = format!("update posts set title = '{title}' where id = 1");
        sql(&blog.db, &update).await;
    }
    sql(
        &blog.db,
        "update archive.audit_entry set transaction_id = 1, at = at - case when new ->> 'title' = 'Before' then interval '2 days' else '0' end
         where operation = 'UPDATE'",
    )
    .await;
    let undone = blog.run(&["undo", "--transaction", "1", "--yes"]);
    assert_eq!(undone.code, 1, "{undone:?}");
    assert!(undone.err.contains("of two transactions"), "{undone:?}");
    let title = "select count(*) from posts where title = 'After'";
    assert_eq!(number(&blog.db, title).await, 1);
}
