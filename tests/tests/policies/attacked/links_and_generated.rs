//! Links of rows that stay, and generated columns.
use super::kit::both;
use super::kit::{no_raw, sound};
use crate::policies::forum::entity;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_archive_tests::tables::tables;

entity!(page, "pages", {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub slug: String,
    pub title: String,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub bookmarks: HasMany<super::bookmark::Entity>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub parts: HasMany<super::part::Entity>,
});
entity!(bookmark, "bookmarks", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub page_slug: Option<String>,
    #[sea_orm(belongs_to, from = "page_slug", to = "slug")]
    pub page: BelongsTo<Option<super::page::Entity>>,
});
entity!(part, "parts", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub page_id: i64,
    pub code: String,
    #[sea_orm(belongs_to, from = "page_id", to = "id")]
    pub page: BelongsTo<super::page::Entity>,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub stars: HasMany<super::star::Entity>,
});
entity!(star, "stars", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub part_id: Option<i64>,
    #[sea_orm(belongs_to, from = "part_id", to = "id")]
    pub part: BelongsTo<Option<super::part::Entity>>,
});
const PAGES: &str = "create table pages (id bigserial primary key, slug text not null unique, title text not null, lowered text generated always as (lower(title)) stored unique);
    create table bookmarks (id bigint primary key, page_slug text references pages (slug) on delete set null);
    create table parts (id bigserial primary key, page_id bigint not null references pages on delete cascade, code text not null unique);
    create table stars (id bigint primary key, part_id bigint references parts on delete set null);
    insert into pages (slug, title) values ('one', 'One'), ('two', 'Two'); insert into bookmarks values (1, 'one');
    insert into parts (page_id, code) values (1, 'a'), (1, 'b'); insert into stars values (1, 1), (2, 2), (3, 2)";
const ALL: [&str; 10] = [
    "pages",
    "bookmarks",
    "parts",
    "stars",
    "deleted_pages",
    "deleted_bookmarks",
    "deleted_parts",
    "deleted_stars",
    "archive.archival",
    "archive.detached_link",
];
const KEYS: [(&str, &[&str]); 4] = [
    ("pages", &["id"]),
    ("bookmarks", &["id"]),
    ("parts", &["id"]),
    ("stars", &["id"]),
];

async fn pages() -> (sea_orm_archive_tests::Database, sea_orm::DatabaseConnection) {
    tables(PAGES, &["pages", "bookmarks", "parts", "stars"]).await
}

#[tokio::test]
async fn a_column_that_a_detached_row_refers_to_is_not_set() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "set",
        ALL,
        page::Entity::restore_by_id(1).set(page::Column::Slug, "other")
    );
    assert!(
        matches!(done, Err(Error::Refused(_))),
        "the link of bookmark 1: {:?}",
        texts(&db, "select coalesce(page_slug, 'NULL') from bookmarks").await
    );
}

#[tokio::test]
async fn a_column_that_a_detached_row_refers_to_is_not_renamed() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into pages (slug, title) values ('one', 'x')").await;
    let done = both!(
        &db,
        "rename",
        ALL,
        page::Entity::restore_by_id(1).rename(page::Column::Slug, "-{n}")
    );
    let link = texts(&db, "select coalesce(b.page_slug || ' of page ' || p.id, 'NULL') from bookmarks b left join pages p on p.slug = b.page_slug").await;
    assert!(
        done.is_err() || link == ["one-2 of page 1"],
        "bookmark 1 of page 1 now refers to {link:?}"
    );
}

#[tokio::test]
async fn a_generated_column_with_a_unique_index_does_not_follow() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let restore = page::Entity::restore_by_id(1).set(page::Column::Title, "Other");
    let error = both!(&db, "set", ALL, restore).unwrap_err();
    assert!(
        error.to_string().contains("the generated column `lowered`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_rename_of_what_a_generated_column_is_computed_from() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into pages (slug, title) values ('x', 'ONE')").await;
    let done = both!(
        &db,
        "rename",
        ALL,
        page::Entity::restore_by_id(1).rename(page::Column::Title, "-{n}")
    );
    if let Err(error) = &done {
        no_raw(error);
    }
}

#[tokio::test]
async fn links_follow_rows_that_stay_and_parts() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from stars where part_id is not null").await,
        0
    );
    run(&db, "insert into parts (page_id, code) values (2, 'b')").await;
    let done = both!(
        &db,
        "skip",
        ALL,
        page::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    assert_eq!(
        (done.relinked, done.not_relinked.len()),
        (2, 0),
        "{:?}",
        done.not_relinked
    );
    run(&db, "delete from parts where page_id = 2").await;
    let done = both!(
        &db,
        "part",
        ALL,
        archival::Entity::restore_by_id(done.stayed[0].archival.unwrap())
    )
    .unwrap();
    assert_eq!(
        (done.relinked, done.not_relinked.len()),
        (2, 0),
        "{:?}",
        done.not_relinked
    );
    assert_eq!(
        texts(&db, "select id || ':' || part_id from stars order by id").await,
        ["1:1", "2:2", "3:2"]
    );
    sound(&db, &KEYS, "links").await;
    // As a part, with a star archived meanwhile.
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    star::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let _done = both!(
        &db,
        "part",
        ALL,
        part::Entity::restore_by_id(2)
            .as_part()
            .set(part::Column::PageId, 2)
    )
    .unwrap();
    star::Entity::restore_by_id(3).exec(&db).await.unwrap();
    page::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        texts(
            &db,
            "select id || ':' || coalesce(part_id, 0) from stars order by id"
        )
        .await,
        ["1:1", "2:2", "3:2"]
    );
    assert_eq!(
        number(&db, "select count(*) from archive.detached_link").await,
        0
    );
}

#[tokio::test]
async fn copies_leave_the_links_to_the_archived_rows() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(&db, "copy", ALL, page::Entity::restore_by_id(1).as_new()).unwrap();
    assert_eq!(done.relinked, 0);
    assert_eq!(
        number(&db, "select count(*) from archive.detached_link").await,
        4
    );
    run(&db, "delete from parts; delete from pages where id <> 2").await;
    let done = page::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(done.relinked, 4);
}

#[tokio::test]
async fn a_part_is_archived_again_and_its_links_are_not_mixed_up() {
    let (_d, db) = pages().await;
    page::Entity::archive_by_id(1).exec(&db).await.unwrap();
    part::Entity::restore_by_id(2)
        .as_part()
        .set(part::Column::PageId, 2)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        number(&db, "select count(*) from stars where part_id = 2").await,
        2
    );
    part::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let done = both!(&db, "again", ALL, part::Entity::restore_by_id(2)).unwrap();
    assert_eq!(done.relinked, 2);
    page::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        texts(&db, "select id || ':' || part_id from stars order by id").await,
        ["1:1", "2:2", "3:2"]
    );
}
