//! Rows with two archived parents: no row is lost in any order of archive and restore.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;

use sea_orm_archive_tests::{
    sql::{count, dumps, run},
    tables::tables,
};

const NAMES: [&str; 3] = ["posts", "tags", "post_tags"];

/// A row that is archived and restored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Root {
    Post(i64),
    Tag(i64),
}

async fn archive(db: &DatabaseConnection, root: Root) {
    match root {
        Root::Post(id) => blog::post::Entity::archive_by_id(id).exec(db).await,
        Root::Tag(id) => blog::tag::Entity::archive_by_id(id).exec(db).await,
    }
    .unwrap_or_else(|error| panic!("archive of {root:?}: {error}"));
}

async fn restore(db: &DatabaseConnection, root: Root) {
    match root {
        Root::Post(id) => blog::post::Entity::restore_by_id(id).exec(db).await,
        Root::Tag(id) => blog::tag::Entity::restore_by_id(id).exec(db).await,
    }
    .unwrap_or_else(|error| panic!("restore of {root:?}: {error}"));
}

/// Every order in which each root is archived once and then restored once.
fn orders(roots: &[Root]) -> Vec<Vec<Root>> {
    fn go(left: &[(Root, u8)], done: &mut Vec<Root>, all: &mut Vec<Vec<Root>>) {
        if left.iter().all(|(_, times)| *times == 0) {
            all.push(done.clone());
        }
        for n in 0..left.len() {
            if left[n].1 > 0 {
                let mut rest = left.to_vec();
                rest[n].1 -= 1;
                done.push(left[n].0);
                go(&rest, done, all);
                done.pop();
            }
        }
    }
    let left: Vec<_> = roots.iter().map(|root| (*root, 2)).collect();
    let mut all = Vec::new();
    go(&left, &mut Vec::new(), &mut all);
    all
}

async fn everywhere(db: &impl ConnectionTrait, table: &str) -> i64 {
    count(
        db,
        &format!(
            "(select {0} from {table} union all select {0} from deleted_{table}) as t",
            key(table)
        ),
    )
    .await
}

fn key(table: &str) -> &'static str {
    match table {
        "post_tags" => "post_id, tag_id",
        _ => "id",
    }
}

#[tokio::test]
async fn shared_row_is_active_exactly_while_both_parents_are_active() {
    let (_database, db) = tables(
        "create table users (id bigint primary key, name text not null);
         create table posts (id bigint primary key, title text not null, author_id bigint);
         create table comments (id bigint primary key, post_id bigint not null references posts on delete cascade, author_id bigint);
         create table likes (id bigint primary key, comment_id bigint not null references comments on delete cascade);
         create table tags (id bigint primary key, name text not null);
         create table post_tags (post_id bigint references posts on delete cascade, tag_id bigint references tags on delete cascade, primary key (post_id, tag_id));
         insert into posts values (1, 'One'), (2, 'Two');
         insert into tags values (1, 'a'), (2, 'b');
         insert into post_tags values (1, 1), (2, 1), (1, 2)",
        &["posts", "comments", "likes", "tags", "post_tags"],
    )
    .await;
    let before = dumps(&db, &NAMES).await;
    let all = orders(&[Root::Post(1), Root::Post(2), Root::Tag(1)]);
    assert_eq!(all.len(), 90);
    for order in all {
        let mut archived: Vec<Root> = Vec::new();
        for root in &order {
            if archived.contains(root) {
                archived.retain(|other| other != root);
                restore(&db, *root).await;
            } else {
                archived.push(*root);
                archive(&db, *root).await;
            }
            assert_eq!(everywhere(&db, "posts").await, 2, "{order:?}");
            assert_eq!(everywhere(&db, "tags").await, 2, "{order:?}");
            assert_eq!(everywhere(&db, "post_tags").await, 3, "{order:?}");
            // A row is active exactly while both of its parents are active.
            let links = [(1, 1), (2, 1), (1, 2)].into_iter().filter(|(post, tag)| {
                !archived.contains(&Root::Post(*post)) && !archived.contains(&Root::Tag(*tag))
            });
            assert_eq!(
                count(&db, "post_tags").await,
                i64::try_from(links.count()).unwrap(),
                "{order:?}, archived are {archived:?}"
            );
        }
        assert_eq!(dumps(&db, &NAMES).await, before, "{order:?}");
    }
    assert_eq!(
        count(&db, "archive.archival where restored_at is null").await,
        0
    );
}

#[tokio::test]
async fn preview_and_restore_report_waiting_rows() {
    let (_database, db) = tables(
        "create table posts (id bigint primary key);
         create table comments (id bigint primary key, post_id bigint not null references posts on delete cascade);
         create table likes (id bigint primary key, comment_id bigint not null references comments on delete cascade);
         create table tags (id bigint primary key);
         create table post_tags (post_id bigint references posts, tag_id bigint references tags, primary key (post_id, tag_id));
         insert into posts values (1);
         insert into tags values (1);
         insert into post_tags values (1, 1)",
        &["posts", "comments", "likes", "tags", "post_tags"],
    )
    .await;
    archive(&db, Root::Post(1)).await;
    let tag = blog::tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let preview = blog::post::Entity::restore_by_id(1)
        .preview(&db)
        .await
        .unwrap();
    let restored = blog::post::Entity::restore_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(preview.waiting, restored.waiting);
    assert_eq!(preview.conflicts, []);
    let [waiting] = restored.waiting.as_slice() else {
        panic!("{restored:?}");
    };
    assert_eq!(
        (waiting.table.as_str(), waiting.archival, waiting.rows),
        ("public.post_tags", tag.id, 1)
    );
    run(&db, "select 1").await;
    tag.restore(&db).await.unwrap();
    assert_eq!(count(&db, "post_tags").await, 1);
}
