//! Odd sessions, schemas and lock versions.
use super::kit::both;
use crate::policies::forum::{comment, forum, post};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};
use sea_orm_archive_tests::tables::tables;

pub mod doc {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};
    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock,
    )]
    #[sea_orm(table_name = "docs")]
    #[optimistic_lock(field = "version")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub up_id: Option<i64>,
        pub name: String,
        pub version: i32,
        #[sea_orm(self_ref, relation_enum = "Up", from = "up_id", to = "id")]
        pub up: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Down", relation_reverse = "Up")]
        #[archive(cascade)]
        pub down: HasMany<Entity>,
    }
    impl ActiveModelBehavior for ActiveModel {}
}
const DOCS: &str = "create table docs (id bigserial primary key, up_id bigint references docs on delete cascade, name text not null unique, version int not null default 1);
    insert into docs (up_id, name, version) values (null, 'a', 3), (1, 'b', 4), (2, 'c', 5)";
const ALL: [&str; 3] = ["docs", "deleted_docs", "archive.archival"];

#[tokio::test]
async fn a_part_with_another_lock_version_is_a_lock_version_conflict() {
    let (_d, db) = tables(DOCS, &["docs"]).await;
    doc::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let part = || {
        doc::Entity::restore_by_id(2)
            .as_part()
            .set(doc::Column::UpId, None::<i64>)
    };
    let before = dumps(&db, &ALL).await;
    let error = part().at_lock_version(9).exec(&db).await.unwrap_err();
    assert_eq!(dumps(&db, &ALL).await, before);
    assert!(
        matches!(error, Error::Conflict(ConflictError::LockVersion { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_part_at_its_lock_version() {
    let (_d, db) = tables(DOCS, &["docs"]).await;
    doc::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let part = || {
        doc::Entity::restore_by_id(2)
            .as_part()
            .set(doc::Column::UpId, None::<i64>)
    };
    assert_eq!(
        part().at_lock_version(4).exec(&db).await.unwrap().rows["public.docs"],
        2
    );
}

#[tokio::test]
async fn the_lock_version_is_checked_before_it_is_set() {
    let (_d, db) = tables(DOCS, &["docs"]).await;
    doc::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let restore = |version| {
        let restore = doc::Entity::restore_by_id(1).set(doc::Column::Version, 10);
        restore.at_lock_version(version)
    };
    let error = restore(10).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LockVersion { .. })),
        "{error}"
    );
    let restored = restore(3).exec(&db).await.unwrap();
    assert_eq!(restored.changes.len(), 1);
}

#[tokio::test]
async fn a_preview_of_a_part_with_another_lock_version() {
    let (_d, db) = tables(DOCS, &["docs"]).await;
    doc::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let part = || {
        doc::Entity::restore_by_id(2)
            .as_part()
            .set(doc::Column::UpId, None::<i64>)
            .at_lock_version(9)
    };
    let preview = part().preview(&db).await;
    assert!(
        preview.is_err(),
        "the preview shows a restore that exec refuses: {:?}",
        part().exec(&db).await.unwrap_err().to_string()
    );
}

#[tokio::test]
async fn copies_at_a_lock_version() {
    let (_d, db) = tables(DOCS, &["docs"]).await;
    doc::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let error = doc::Entity::restore_by_id(1)
        .as_new()
        .at_lock_version(9)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::LockVersion { .. })),
        "{error}"
    );
    let done = both!(
        &db,
        "copy",
        ALL,
        doc::Entity::restore_by_id(1).as_new().at_lock_version(3)
    )
    .unwrap();
    assert_eq!(done.rows["public.docs"], 3);
    let links = texts(&db, "select name || ' below ' || coalesce((select p.name from docs p where p.id = d.up_id), '-') from docs d order by name").await;
    assert_eq!(links, ["a below -", "b below a", "c below b"]);
    assert_eq!(
        number(&db, "select count(*) from docs where id <= 3").await,
        0
    );
}

#[tokio::test]
async fn a_part_of_a_part_that_stays() {
    let (_d, db) = tables(DOCS, &["docs"]).await;
    let a = doc::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into docs (name) values ('b'), ('c')").await;
    // Both b and c have conflicts, and c is below b.
    let done = both!(
        &db,
        "skip",
        ALL,
        doc::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    super::kit::sound(&db, &[("docs", &["id"])], "skip").await;
    assert_eq!(number(&db, "select count(*) from deleted_docs").await, 2);
    assert!(done.missing.is_empty(), "{:?}", done.missing);
    run(&db, "delete from docs where id > 3").await;
    for _ in 0..2 {
        let open: Vec<i64> = sea_orm_archive_tests::sql::all(
            &db,
            "select id from archive.archival where restored_at is null order by id",
        )
        .await;
        for id in open {
            sea_orm_archive::archival::Entity::restore_by_id(id)
                .with_parents()
                .exec(&db)
                .await
                .ok();
        }
    }
    assert_eq!(number(&db, "select count(*) from docs").await, 3);
    let _ = a;
}

/// An earlier user of a pooled session left a domain `regclass` in the temporary schema.
#[tokio::test]
async fn a_default_runs_no_type_of_the_temporary_schema() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let session = database.session("pooled").await;
    let db = session.db();
    run(&db, "create schema hostile; create table hostile.calls (what text);
        create function hostile.called(what text) returns boolean language plpgsql as $$ begin insert into hostile.calls values (what); return true; end $$").await;
    for name in ["regclass", "text", "int8", "bigint", "jsonb", "oid"] {
        let of = if name == "bigint" { "int8" } else { name };
        run(&db, &format!("create domain pg_temp.\"{name}\" as pg_catalog.{of} check (hostile.called('{name}'))")).await;
    }
    let _done = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    let calls = texts(&db, "select distinct what from hostile.calls").await;
    assert!(calls.is_empty(), "called as the present user: {calls:?}");
}

/// The same with functions of a schema before pg_catalog.
#[tokio::test]
async fn a_default_runs_no_function_of_the_search_path() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let session = database.session("pooled").await;
    let db = session.db();
    run(&db, "create schema hostile; create table hostile.calls (what text);
        create function hostile.nextval(regclass) returns bigint language plpgsql as $$ begin insert into hostile.calls values ('nextval'); return pg_catalog.nextval($1); end $$;
        set search_path = hostile, public, pg_catalog").await;
    let _done = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    let calls = texts(&db, "select distinct what from hostile.calls").await;
    assert!(calls.is_empty(), "called as the present user: {calls:?}");
}

#[tokio::test]
async fn set_and_rename_and_parts_run_nothing_of_the_temporary_schema() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) values (2, 'first'); insert into comments (id, post_id, mark) values (4, 2, 'D')").await;
    let session = database.session("pooled").await;
    let db = session.db();
    run(&db, "create schema hostile; create table hostile.calls (what text);
        create function hostile.called(what text) returns boolean language plpgsql as $$ begin insert into hostile.calls values (what); return true; end $$").await;
    for (name, of) in [
        ("regclass", "regclass"),
        ("text", "text"),
        ("int8", "int8"),
        ("jsonb", "jsonb"),
        ("oid", "oid"),
        ("varchar", "varchar"),
        ("posts", "text"),
        ("deleted_posts", "text"),
    ] {
        run(&db, &format!("create domain pg_temp.\"{name}\" as pg_catalog.{of} check (hostile.called('{name}'))")).await;
    }
    run(&db, "drop domain pg_temp.posts, pg_temp.deleted_posts").await;
    post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .rename(comment::Column::Mark, "-{n}")
        .remap(crate::policies::forum::user::Entity, 1, 2)
        .set_every(comment::Column::AuthorId, 2)
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    let calls = texts(&db, "select distinct what from hostile.calls").await;
    assert!(calls.is_empty(), "called as the present user: {calls:?}");
}
