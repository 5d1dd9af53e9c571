//! The recipe of the guide for a blog with an audit table, on rows whose ids were used again and whose parents were deleted later.

use sea_orm_archive::archival;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    sql::{run, texts},
    tables::installed,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::rows;

const BLOG: &str = "
    create table posts (id bigint generated always as identity primary key, slug text not null, tags text[], details jsonb, published_at timestamptz);
    create unique index posts_slug_key on posts (slug);
    create table comments (id bigint generated always as identity primary key, post_id bigint not null references posts on delete cascade, body text not null);
    create table audit (table_name text, action text, old jsonb, at timestamptz, user_id bigint);
    create function record() returns trigger language plpgsql as $$ begin
        insert into audit values (tg_table_name, lower(tg_op), to_jsonb(old), now(), 7);
        return old;
    end $$;
    create trigger record after insert or update or delete on posts for each row execute function record();
    create trigger record after insert or update or delete on comments for each row execute function record();
    insert into posts (slug, tags, details, published_at) values
        ('stays', null, null, null),
        ('gone', '{a,null,\"b,c\"}', '{\"n\": 1.10, \"list\": [1, {\"x\": null}]}', '2024-03-03 10:00:00.123456+02'),
        ('twice', '{}', '[]', 'infinity'), ('used again', '{{a,b},{c,d}}', '\"text\"', null), ('parent', null, '{}', null);
    insert into comments (post_id, body) values
        (1, 'alone'), (2, 'with the post'), (3, 'of the first post 3'), (4, 'of the first post 4'), (5, 'before the post'), (1, 'stays');";

/// Posts 3 and 4 are deleted and their ids used again; post 3 is deleted again. Comment 5 is deleted before its post.
const DELETIONS: [&str; 8] = [
    "delete from comments where id in (1, 5)",
    "delete from posts where id = 2",
    "delete from posts where id in (3, 4)",
    "insert into posts (id, slug) overriding system value values (3, 'second'), (4, 'in use')",
    "insert into comments (post_id, body) values (3, 'of the second post 3'), (4, 'of the second post 4')",
    "delete from comments where id = 8",
    "delete from posts where id = 3",
    "delete from posts where id = 5",
];

/// The SQL of the recipe, as the page has it.
fn recipe() -> &'static str {
    let page = include_str!("../../../docs/guide/adopt.md");
    let (_, section) = page.split_once("**An audit table**").unwrap();
    section.split('"').nth(1).unwrap()
}

#[tokio::test]
async fn deleted_rows_of_an_audit_table_come_back_as_they_were() {
    let database = installed().await;
    let db = database.connect().await;
    run(&db, BLOG).await;
    let whole = "select md5(t::text) from (select to_jsonb(p) as t, 1 as o, id from posts as p where id in (1, 2, 5)
                 union all select to_jsonb(c), 2, id from comments as c where id in (1, 2, 5, 6)) as r order by o, id";
    let before = texts(&db, whole).await;
    assert_eq!(before.len(), 7);
    for deletion in DELETIONS {
        run(&db, deletion).await;
    }
    let entries = rows(&db, &["audit"]).await;
    let active = rows(&db, &["posts", "comments"]).await;
    run(&db, &format!("begin; {}; commit", recipe())).await;
    assert_eq!(rows(&db, &["audit"]).await, entries);

    let marked = |table: &'static str| {
        SoftDeleted::new(table)
            .deleted_at("deleted_at")
            .deleted_by("deleted_by")
    };
    let manager = SchemaManager::new(&db);
    let tables = ["posts", "comments"];
    manager.begin_adoption(tables.map(marked)).await.unwrap();
    for table in tables {
        let recorder = SuspendedTrigger::new(table, "record");
        manager.suspend_trigger(recorder).await.unwrap();
    }
    let adopted = manager
        .adopt_soft_deleted(tables.map(marked))
        .await
        .unwrap();
    assert_eq!(rows(&db, &["posts", "comments"]).await, active);
    assert_eq!(adopted.tables[0].replaced_indexes, ["posts_slug_key"]);
    assert_eq!(
        texts(
            &db,
            "select concat(id, ' ', slug) from deleted_posts order by id"
        )
        .await,
        ["2 gone", "3 second", "5 parent"]
    );
    // Neither a comment of the first post 3 nor one of the first post 4: those posts are not there.
    assert_eq!(
        texts(
            &db,
            "select concat(id, ' ', body) from deleted_comments order by id"
        )
        .await,
        [
            "1 alone",
            "2 with the post",
            "5 before the post",
            "7 of the second post 3",
            "8 of the second post 4"
        ]
    );
    let roots = "select concat(root_table, ' ', root_key, ' ', row_counts) from archive.archival order by archived_at, id";
    assert_eq!(
        texts(&db, roots).await,
        [
            r#"public.comments {"id": 1} {"public.comments": 1}"#,
            r#"public.comments {"id": 5} {"public.comments": 1}"#,
            r#"public.posts {"id": 2} {"public.posts": 1, "public.comments": 1}"#,
            r#"public.comments {"id": 8} {"public.comments": 1}"#,
            r#"public.posts {"id": 3} {"public.posts": 1, "public.comments": 1}"#,
            r#"public.posts {"id": 5} {"public.posts": 1}"#,
        ]
    );
    for id in texts(&db, "select id::text from archive.archival where root_key->>'id' in ('1', '2', '5') and not (root_table = 'public.comments' and root_key->>'id' = '8')
                          order by root_table desc, id").await {
        archival::Entity::restore_by_id(id.parse::<i64>().unwrap())
            .exec(&db)
            .await
            .unwrap();
    }
    assert_eq!(texts(&db, whole).await, before);
}
