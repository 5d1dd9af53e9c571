//! Functions and operators of another schema of the search path: the command is often run as superuser.

#[path = "../../../../tests/tests/attacks/search_path/trap.rs"]
mod trap;

use blog::post;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{one, run as sql};

use crate::program::Blog;

/// A blog with a function and an operator of another role for every call in the sources.
async fn trapped() -> Blog {
    let blog = Blog::new().await;
    sql(
        &blog.db,
        "create table notes (id bigint primary key, body text, deleted_at timestamptz, deleted_by bigint, reason text);
         insert into notes values (1, 'stays', null, null, null), (2, 'goes', '2024-01-01Z', 7, 'spam')",
    )
    .await;
    let archived = post::Entity::archive_by_id(1).by(1).exec(&blog.db).await;
    archived.unwrap();
    post::Entity::archive_by_id(2).exec(&blog.db).await.unwrap();
    trap::set(&blog.db).await.unwrap();
    let path = format!(
        "alter database \"{}\" set search_path = public, hostile",
        blog.database.name()
    );
    sql(&blog.db, &path).await;
    blog
}

/// This detects caught errors too: a sequence is never rolled back.
#[tokio::test]
async fn no_command_calls_code_of_a_later_schema() {
    let blog = trapped().await;
    sql(
        &blog.db,
        "begin; select set_config('app.current_user', '7', true), set_config('app.request_id', 'r1', true);
         update posts set title = 'a' where id = 3; delete from comments where id = 2;
         insert into comments (id, post_id, author_id, content) values (60, 3, 1, 'new'); commit",
    )
    .await;
    for arguments in [
        "list posts --by 1 --since 2020-01-01",
        "show 1",
        "show comments 1",
        "plan posts",
        "check",
        "doctor",
        "maintain",
        "log",
        "log posts 3",
        "log --request r1",
        "hold posts 2 --reason x",
        "hold",
        "release 1 --reason x --yes",
        "undo --request r1 --preview",
        "undo --request r1 --yes",
        "restore posts 1 --part --preview",
        "restore posts 1 --yes",
        "purge 2 --preview",
        "purge 2 --yes",
        "purge --expired --yes",
        "adopt notes --reason reason --preview",
        "adopt notes --reason reason --online --yes",
        "adopt notes --reason reason --yes",
        "generate --archive users --audit notes --print",
        "generate --entity posts",
    ] {
        let ran = blog.run(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{arguments}: {ran:?}");
        let calls = "select is_called from hostile.calls";
        assert!(!one::<bool>(&blog.db, calls).await, "{arguments}: {ran:?}");
    }
    sql(
        &blog.db,
        "alter table posts add column remark text; alter table deleted_posts disable trigger all",
    )
    .await;
    let drifted = blog.run(&["generate", "--print"]);
    assert!(drifted.out.contains("sync_archived_table"), "{drifted:?}");
    assert!(!one::<bool>(&blog.db, "select is_called from hostile.calls").await);
}
