//! Authors who pin articles of each other: the root of one archival refers to a row below the root of another one.

use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, run};
use sea_orm_archive_tests::tables::tables;

use super::entities::{article, author};

const AUTHORS: &str = "create table authors (id bigint primary key, pinned bigint);
    create table articles (id bigint primary key, author_id bigint not null references authors on delete cascade);
    alter table authors add constraint authors_pinned foreign key (pinned) references articles on delete set null;
    insert into authors values (1, null), (2, null), (3, null);
    insert into articles values (11, 1), (12, 1), (21, 2), (31, 3);
    update authors set pinned = 21 where id = 1; update authors set pinned = 11 where id = 2; update authors set pinned = 31 where id = 3";

const BOTH: [&str; 2] = ["authors", "articles"];

#[tokio::test]
async fn authors_who_pin_articles_of_each_other_come_back_together() {
    for (first, together) in [(1, 1), (2, 1), (3, 0)] {
        let (_database, db) = tables(AUTHORS, &BOTH).await;
        let before = dumps(&db, &BOTH).await;
        author::Entity::archive_many().exec(&db).await.unwrap();
        let restored = author::Entity::restore_by_id(first)
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(restored.together.len(), together);
        let other = if first == 3 { 1 } else { 3 };
        author::Entity::restore_by_id(other)
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(dumps(&db, &BOTH).await, before);
    }
}

/// The article and then its author, and the other way round.
#[tokio::test]
async fn author_and_pinned_article_that_are_archived_one_by_one_come_back() {
    for article_first in [true, false] {
        let (_database, db) = tables(AUTHORS, &BOTH).await;
        let before = dumps(&db, &BOTH).await;
        let article = article::Entity::archive_by_id(11).exec(&db).await.unwrap();
        let author = author::Entity::archive_by_id(2).exec(&db).await.unwrap();
        let archivals = if article_first {
            [article, author]
        } else {
            [author, article]
        };
        for archival in archivals {
            archival.restore(&db).await.unwrap();
        }
        assert_eq!(dumps(&db, &BOTH).await, before);
    }
}

/// A taken value in the ring is reported, and nothing is joined for good.
#[tokio::test]
async fn conflict_of_another_archival_of_the_ring_is_reported() {
    let (_database, db) = tables(AUTHORS, &BOTH).await;
    author::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "insert into authors values (2, null)").await;
    let tables = ["deleted_authors", "deleted_articles", "archive.archival"];
    let before = dumps(&db, &tables).await;
    let preview = author::Entity::restore_by_id(1).preview(&db).await.unwrap();
    assert!(
        matches!(preview.conflicts.as_slice(), [Conflict::KeyTaken { table, .. }] if table == "public.authors"),
        "{:?}",
        preview.conflicts
    );
    author::Entity::restore_by_id(1)
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(dumps(&db, &tables).await, before);
}

/// A restore assigns no row to another archival, so a trigger of an archive table cannot keep one back.
#[tokio::test]
async fn ring_is_restored_whatever_a_trigger_of_an_archive_table_writes() {
    let (_database, db) = tables(AUTHORS, &BOTH).await;
    let rows = dumps(&db, &BOTH).await;
    author::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "create function stubborn() returns trigger language plpgsql as $$ begin
             if pg_trigger_depth() < 2 then update deleted_articles set archival_id = old.archival_id where id = new.id; end if;
             return new;
         end $$;
         create trigger stubborn after update on deleted_articles for each row when (old.id = 21) execute function stubborn()",
    )
    .await;
    author::Entity::restore_by_id(1).exec(&db).await.unwrap();
    author::Entity::restore_by_id(3).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &BOTH).await, rows);
}
