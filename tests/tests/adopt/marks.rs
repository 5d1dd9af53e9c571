//! Marks of every kind: times of every type, booleans, status columns, persons of every type.

use sea_orm::DatabaseConnection;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::{
    sql::{run, texts},
    tables::tables,
};
use sea_orm_migration::SchemaManager;

use super::helpdesk::rows;

async fn adopt(db: &DatabaseConnection, table: SoftDeleted) {
    let adopted = SchemaManager::new(db).adopt_soft_deleted([table]).await;
    adopted.unwrap_or_else(|error| panic!("{error}"));
}

async fn refused(db: &DatabaseConnection, table: SoftDeleted, what: &str) {
    let before = rows(db, &["notes"]).await;
    let error = SchemaManager::new(db)
        .adopt_soft_deleted([table])
        .await
        .unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    assert_eq!(rows(db, &["notes"]).await, before);
}

/// Adopts, reads, and takes it back: the rows are the same.
async fn there_and_back(ddl: &str, table: SoftDeleted, archived: &[&str]) {
    let (_database, db) = tables(ddl, &[]).await;
    let before = rows(&db, &["notes"]).await;
    adopt(&db, table).await;
    let sql = "select format('%s %s %s', id, deleted_at at time zone 'UTC', coalesce(deleted_by::text, '-')) from deleted_notes order by id";
    assert_eq!(texts(&db, sql).await, archived);
    SchemaManager::new(&db)
        .restore_soft_deleted(["notes"])
        .await
        .unwrap();
    assert_eq!(rows(&db, &["notes"]).await, before);
}

#[tokio::test]
async fn local_times_and_dates_have_a_zone() {
    there_and_back(
        "create table notes (id int primary key, deleted_at timestamp(0), deleted_by uuid);
         insert into notes values (1, null, null), (2, '2024-07-01 02:00', '00000000-0000-0000-0000-00000000000a')",
        SoftDeleted::new("notes").deleted_at("deleted_at").deleted_by("deleted_by").time_zone("Europe/Berlin"),
        &["2 2024-07-01 00:00:00 00000000-0000-0000-0000-00000000000a"],
    )
    .await;
    there_and_back(
        "create table notes (id int primary key, gone date, who varchar(20));
         insert into notes values (1, null, null), (2, '2024-07-01', 'x')",
        SoftDeleted::new("notes")
            .deleted_at("gone")
            .deleted_by("who")
            .time_zone("UTC"),
        &["2 2024-07-01 00:00:00 x"],
    )
    .await;
    let (_database, db) = tables("create table notes (id int primary key, deleted_at timestamp); insert into notes values (1, '2024-03-31 02:30')", &[]).await;
    let notes = || SoftDeleted::new("notes").deleted_at("deleted_at");
    refused(
        &db,
        notes(),
        "names no instant: pass the zone that the application writes",
    )
    .await;
    refused(
        &db,
        notes().time_zone("Europe/Berlin"),
        "do not exist in the zone 'Europe/Berlin'",
    )
    .await;
    adopt(&db, notes().time_zone("UTC")).await;
}

#[tokio::test]
async fn boolean_mark_takes_its_time_from_another_column_or_from_the_migration() {
    there_and_back(
        "create table notes (id int primary key, is_deleted boolean not null default false, updated_at timestamptz);
         create unique index on notes (updated_at) where not is_deleted;
         insert into notes values (1, false, null), (2, true, '2024-01-01Z'), (3, true, null)",
        SoftDeleted::new("notes").when("is_deleted").time_of("updated_at").time_if_unknown("2020-01-01Z"),
        &["2 2024-01-01 00:00:00 -", "3 2020-01-01 00:00:00 -"],
    )
    .await;
    there_and_back(
        "create table notes (id int primary key, is_deleted boolean, deleted_at timestamptz);
         insert into notes values (1, false, null), (2, true, '2024-01-01Z'), (3, true, null), (4, false, null)",
        SoftDeleted::new("notes").when("is_deleted").deleted_at("deleted_at").time_if_unknown("2020-01-01Z"),
        &["2 2024-01-01 00:00:00 -", "3 2020-01-01 00:00:00 -"],
    )
    .await;
    let (_database, db) = tables(
        "create table notes (id int primary key, is_deleted boolean, deleted_at timestamptz);
         insert into notes values (1, false, '2024-01-01Z'), (2, true, null)",
        &[],
    )
    .await;
    refused(
        &db,
        SoftDeleted::new("notes")
            .when("is_deleted")
            .deleted_at("deleted_at"),
        "1 marked rows of public.notes, such as {\"id\": 2}, have no time",
    )
    .await;
    refused(
        &db,
        SoftDeleted::new("notes")
            .when("is_deleted")
            .deleted_at("deleted_at")
            .time_if_unknown("2020-01-01Z"),
        "such as {\"id\": 1}, have a time of deletion but are not marked as deleted",
    )
    .await;
}

#[tokio::test]
async fn status_column_stays_and_has_another_value_after_a_restore() {
    there_and_back(
        "create type status as enum ('draft', 'trashed');
         create table notes (id int primary key, status status not null, updated_at timestamptz not null);
         create unique index notes_of_a_time on notes (updated_at) where status <> 'trashed';
         insert into notes values (1, 'draft', '2024-01-01Z'), (2, 'trashed', '2024-01-01Z')",
        SoftDeleted::new("notes").status("status", "trashed", "draft").time_of("updated_at"),
        &["2 2024-01-01 00:00:00 -"],
    )
    .await;
    let (_database, db) = tables(
        "create table notes (id int primary key, status text, updated_at timestamptz); insert into notes values (2, 'trashed', '2024-01-01Z')",
        &[],
    )
    .await;
    adopt(
        &db,
        SoftDeleted::new("notes")
            .status("status", "trashed", "draft")
            .time_of("updated_at"),
    )
    .await;
    assert_eq!(
        texts(&db, "select status from deleted_notes").await,
        ["draft"]
    );
}

#[tokio::test]
async fn columns_can_stay_for_a_while() {
    let (_database, db) = tables(
        "create table notes (id int primary key, slug text, deleted_at timestamptz);
         create unique index on notes (slug) where deleted_at is null;
         insert into notes values (1, 'a', null), (2, 'a', '2024-01-01Z')",
        &[],
    )
    .await;
    let before = rows(&db, &["notes"]).await;
    let notes = || {
        let table = ExistingTable::new("notes").deleted_at_column("archived_at");
        SoftDeleted::new(table).deleted_at("deleted_at")
    };
    adopt(&db, notes().keep_columns()).await;
    assert_eq!(
        texts(
            &db,
            "select format('%s %s', deleted_at, archived_at at time zone 'UTC') from deleted_notes"
        )
        .await,
        [" 2024-01-01 00:00:00"]
    );
    // An old build marks one more row.
    run(&db, "insert into notes values (3, 'a', '2024-02-01Z')").await;
    adopt(&db, notes()).await;
    assert_eq!(
        texts(
            &db,
            "select archived_at::date::text from deleted_notes order by id"
        )
        .await
        .len(),
        2
    );
    assert_eq!(texts(&db, "select column_name::text from information_schema.columns where table_name = 'notes' order by 1").await, ["id", "slug"]);
    run(&db, "delete from deleted_notes where id = 3").await;
    SchemaManager::new(&db)
        .restore_soft_deleted(["notes"])
        .await
        .unwrap();
    assert_eq!(rows(&db, &["notes"]).await, before);
}

#[tokio::test]
async fn values_beside_a_mark_that_is_gone_are_not_lost() {
    let (_database, db) = tables(
        "create table notes (id int primary key, deleted_at timestamptz, deleted_by int);
         insert into notes values (1, null, 7), (2, '2024-01-01Z', 8)",
        &[],
    )
    .await;
    let notes = SoftDeleted::new("notes")
        .deleted_at("deleted_at")
        .deleted_by("deleted_by");
    refused(&db, notes.clone(), "1 rows of public.notes, such as {\"id\": 1}, are not marked and have a value in \"deleted_by\"").await;
    run(
        &db,
        "update notes set deleted_by = null where deleted_at is null",
    )
    .await;
    adopt(&db, notes).await;
}

#[tokio::test]
async fn marks_of_archived_rows_are_not_lost() {
    let (_database, db) = tables("create table notes (id int primary key, deleted_at timestamptz); insert into notes values (1, '2024-01-01Z')", &[]).await;
    let notes = || {
        SoftDeleted::new(ExistingTable::new("notes").deleted_at_column("archived_at"))
            .deleted_at("deleted_at")
    };
    let manager = SchemaManager::new(&db);
    manager.begin_adoption([notes()]).await.unwrap();
    run(
        &db,
        "insert into deleted_notes select 2, '2024-02-01Z', now(), null, 1",
    )
    .await;
    refused(
        &db,
        notes(),
        "1 rows of public.deleted_notes, such as {\"id\": 2}, were marked when they were archived",
    )
    .await;
    run(&db, "update deleted_notes set deleted_at = null").await;
    adopt(&db, notes()).await;
}

#[tokio::test]
async fn times_that_are_none_are_refused() {
    let (_database, db) = tables(
        "create table notes (id int primary key, deleted_at timestamptz, at bigint);
         insert into notes values (1, 'infinity', 1), (2, now() + interval '1 day', 2)",
        &[],
    )
    .await;
    let notes = || SoftDeleted::new("notes").deleted_at("deleted_at");
    refused(
        &db,
        notes(),
        "1 marked rows of public.notes, such as {\"id\": 1}, have an infinite time",
    )
    .await;
    refused(
        &db,
        notes(),
        "1 marked rows of public.notes, such as {\"id\": 2}, are to be deleted in the future",
    )
    .await;
    refused(
        &db,
        SoftDeleted::new("notes").deleted_at("at"),
        "\"at\" is bigint, and a time is needed",
    )
    .await;
    refused(
        &db,
        SoftDeleted::new("notes").deleted_at("no"),
        "there is no column \"no\"",
    )
    .await;
    refused(
        &db,
        SoftDeleted::new("notes"),
        "needs `.deleted_at(..)`, `.when(..)` or `.status(..)`",
    )
    .await;
    refused(
        &db,
        SoftDeleted::new("notes").when("at"),
        "\"at\" is no boolean",
    )
    .await;
}
