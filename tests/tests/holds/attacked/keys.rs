//! Keys of held rows that change, or are written in another way.

use blog::{post, post_tag};
use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::HoldSchema;
use sea_orm_archive_tests::sql::{one, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use super::assert_kept;
use crate::holds::database;
use crate::servers::programs::{output, programs};

/// Runs the cases, and fails with those that failed.
async fn each<F: std::future::Future<Output = ()> + Send + 'static>(cases: Vec<(String, F)>) {
    let mut failed = Vec::new();
    for (name, case) in cases {
        if tokio::spawn(case).await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The key of a held, archived row contains the key of a parent that changes: follow_key() writes the archived row and not the hold.
#[tokio::test]
async fn hold_follows_an_archived_row_whose_parent_gets_another_key() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post_tag::Entity::hold_by_id((1, 1), "case 17")
        .exec(&db)
        .await
        .unwrap();
    run(&db, "delete from post_tags").await;
    // Refused is as good.
    let changed = db
        .execute_unprepared("update tags set id = 5 where id = 1")
        .await;
    let keys = texts(
        &db,
        "select concat(t.post_id, ' ', t.tag_id) from deleted_post_tags t",
    )
    .await;
    eprintln!(
        "{changed:?} {keys:?} {:?}",
        texts(&db, "select held_key::text from archive.hold").await
    );
    assert_kept(&db, "deleted_post_tags", archival.id, "key of the parent").await;
}

#[tokio::test]
async fn hold_that_is_placed_while_the_key_changes_follows_it() {
    let (database, db) = database().await;
    let place = "select archive.place_hold(null, 'posts', jsonb_build_array(p.id::text), 'case', null, null) from posts p where p.id = 3";
    let changed = database
        .beside(place, "update posts set id = 100 where id = 3")
        .await;
    let id = one::<i64>(&db, "select id from posts where title = 'Three'").await;
    assert_eq!(
        texts(&db, "select held_key->>0 from archive.hold").await,
        [id.to_string()],
        "{changed:?}"
    );
}

#[tokio::test]
async fn hold_on_a_row_whose_key_is_being_changed_finds_nothing_or_follows() {
    let (database, db) = database().await;
    let a = database.connect().await;
    let txn = a.begin().await.unwrap();
    run(&txn, "update posts set id = 100 where id = 3").await;
    let b = database.connect().await;
    let held = tokio::spawn(async move { post::Entity::hold_by_id(3, "case").exec(&b).await });
    database.until_waiting(&held).await;
    txn.commit().await.unwrap();
    if let Ok(held) = held.await.unwrap() {
        assert_eq!(
            texts(&db, "select held_key->>0 from archive.hold").await,
            ["100"],
            "{held:?} is on no row"
        );
    }
}

/// Archives all rows of `held` with plain SQL as archival 1, and holds the one with this key.
pub(super) const ARCHIVE: &str = "
    insert into deleted_held select *, now(), null, 1 from held; delete from held;
    insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables) values (1, 'public.held', '{}', now(), '{}', '{held}')";

async fn key_that_is_written_in_another_way(columns: &str, row: &str, key: &str, change: &str) {
    let (_database, db) = tables(&format!("create type mood as enum ('calm', 'cross'); create table held ({columns}); insert into held values {row}"), &["held"]).await;
    run(&db, &format!("select archive.place_hold(null, 'held', jsonb_build_array({key}), 'case', null, null) from held t")).await;
    run(&db, ARCHIVE).await;
    assert_kept(&db, "deleted_held", 1, "before").await;
    if let Err(error) = db.execute_unprepared(change).await {
        panic!("{change}: {error}");
    }
    assert_kept(&db, "deleted_held", 1, change).await;
}

#[tokio::test]
async fn hold_outlasts_a_renamed_enum_value() {
    key_that_is_written_in_another_way(
        "m mood primary key",
        "('calm')",
        "archive.exact_text(t.m)",
        "alter type mood rename value 'calm' to 'serene'",
    )
    .await;
}

#[tokio::test]
async fn hold_outlasts_another_type_of_the_key() {
    let mut cases = Vec::new();
    for (column, row, change) in [
        (
            "id integer primary key",
            "(7)",
            "alter table held alter id type numeric(20, 2); alter table deleted_held alter id type numeric(20, 2)",
        ),
        (
            "id date primary key",
            "('2026-01-02')",
            "alter table held alter id type timestamptz; alter table deleted_held alter id type timestamptz",
        ),
        (
            "id char(5) primary key",
            "('ab')",
            "alter table held alter id type text; alter table deleted_held alter id type text",
        ),
        (
            "id timestamp primary key",
            "('2026-01-02 12:00')",
            "alter table held alter id type timestamptz using id at time zone 'UTC'; alter table deleted_held alter id type timestamptz using id at time zone 'UTC'",
        ),
    ] {
        cases.push((
            change.to_owned(),
            key_that_is_written_in_another_way(column, row, "archive.exact_text(t.id)", change),
        ));
    }
    each(cases).await;
}

#[tokio::test]
async fn hold_outlasts_another_primary_key() {
    let mut cases = Vec::new();
    for change in [
        "alter table held drop constraint held_pkey, add primary key (b, a); alter table deleted_held drop constraint deleted_held_pkey, add primary key (b, a)",
        "alter table held drop constraint held_pkey, add primary key (a, c); alter table deleted_held drop constraint deleted_held_pkey, add primary key (a, c)",
    ] {
        cases.push((
            change.to_owned(),
            key_that_is_written_in_another_way(
                "a integer, b integer, c integer not null default 9, primary key (a, b)",
                "(1, 2)",
                "archive.exact_text(t.a), archive.exact_text(t.b)",
                change,
            ),
        ));
    }
    each(cases).await;
}

/// Renamed columns of active and archive table.
#[tokio::test]
async fn hold_outlasts_renames() {
    let mut cases = Vec::new();
    for change in [
        "alter table held rename a to z; alter table deleted_held rename a to z",
        "alter table held rename to kept",
        "alter table held rename a to z; alter table held rename b to a; alter table held rename z to b;
         alter table deleted_held rename a to z; alter table deleted_held rename b to a; alter table deleted_held rename z to b",
        // Only the table.
        "alter table held rename a to z; alter table held rename b to a; alter table held rename z to b",
    ] {
        cases.push((change.to_owned(), key_that_is_written_in_another_way("a integer, b integer, primary key (a, b)", "(1, 2)", "archive.exact_text(t.a), archive.exact_text(t.b)", change)));
    }
    each(cases).await;
}

/// What a tenant passes as the key of a held row stops every purge of the table.
#[tokio::test]
async fn malformed_key_of_a_hold_is_refused() {
    let (database, db) = database().await;
    let legal = database.role("legal").await;
    SchemaManager::new(&db).grant_holds(&legal).await.unwrap();
    let as_legal = database.connect_as("legal").await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let mut wrong = Vec::new();
    for key in ["{\"id\": 1}", "null", "\"1\"", "7"] {
        let placed = as_legal
            .execute_unprepared(&format!(
                "select archive.place_hold(null, 'posts', '{key}', 'x', null, null)"
            ))
            .await;
        if placed.is_ok() {
            let purged = archival.purge(&db).await.unwrap_err().to_string();
            if !purged.contains("under hold") {
                wrong.push(format!("{key}: {purged}"));
            }
        }
        run(&db, "delete from archive.hold").await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The held row is archived, another active row has its key, and gets another one: the hold does not leave the archived row.
#[tokio::test]
async fn hold_stays_on_the_archived_row_when_another_row_with_its_key_gets_another() {
    let (_database, db) = database().await;
    post::Entity::hold_by_id(3, "case 17")
        .exec(&db)
        .await
        .unwrap();
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "insert into posts (id, title, slug, content, author_id) values (3, 'Other', 'other', '', 1)").await;
    let changed = db
        .execute_unprepared("update posts set id = 100 where id = 3")
        .await;
    eprintln!(
        "{changed:?} {:?}",
        texts(&db, "select held_key::text from archive.hold").await
    );
    assert_kept(&db, "deleted_posts", archival.id, "another row").await;
}

/// Keys and names of many kinds.
#[tokio::test]
async fn holds_on_rows_with_odd_keys() {
    for (columns, row, key) in [
        (
            "id uuid primary key",
            "('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11')",
            "archive.exact_text(t.id)",
        ),
        (
            "id text primary key",
            "('a \"b\" \\ ''c'' {}')",
            "archive.exact_text(t.id)",
        ),
        (
            "id bytea primary key",
            "('\\x00ff')",
            "archive.exact_text(t.id)",
        ),
        (
            "id float8 primary key",
            "(0.1::float8 + 0.2::float8)",
            "archive.exact_text(t.id)",
        ),
        (
            "id timestamptz primary key",
            "('2026-01-02 03:04:05.678+07')",
            "archive.exact_text(t.id)",
        ),
        (
            "id interval primary key",
            "('1 month 40 days')",
            "archive.exact_text(t.id)",
        ),
        (
            "\"I d %I $1\" bigint primary key",
            "(7)",
            "archive.exact_text(t.\"I d %I $1\")",
        ),
        (
            "a int, b text, c mood, x int, primary key (c, a) include (x)",
            "(1, 'b', 'calm', 3)",
            "archive.exact_text(t.c), archive.exact_text(t.a)",
        ),
        (
            "id int[] primary key",
            "('{1,2}')",
            "archive.exact_text(t.id)",
        ),
        (
            "id inet primary key",
            "('10.0.0.1/8')",
            "archive.exact_text(t.id)",
        ),
    ] {
        key_that_is_written_in_another_way(columns, row, key, "set timezone = 'Asia/Tokyo'; set extra_float_digits = 0; set bytea_output = 'escape'; set datestyle = 'German'").await;
    }
}

/// After a dump and a restore the oids are others.
#[tokio::test]
async fn holds_outlast_a_dump_and_a_restore() {
    let (database, db) = database().await;
    let one = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let three = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    post::Entity::hold_by_id(1, "row").exec(&db).await.unwrap();
    archival::Entity::hold_by_id(three.id, "archival")
        .exec(&db)
        .await
        .unwrap();
    // Without them beside the server the test ends here, and says so.
    let Some([pg_dump, psql]) = programs(&db, ["pg_dump", "psql"]).await else {
        return;
    };
    let other = sea_orm_archive_tests::Database::empty().await;
    let file = std::env::temp_dir().join(format!("{}.sql", database.name()));
    let path = file.to_str().unwrap();
    output(&pg_dump, &["--file", path, &database.url()]);
    let arguments = ["--set=ON_ERROR_STOP=1", "--quiet", "--file", path];
    output(&psql, &[&arguments[..], &[&other.url()]].concat());
    std::fs::remove_file(&file).unwrap();
    let there = other.connect().await;
    assert_kept(&there, "deleted_posts", one.id, "row").await;
    assert_kept(&there, "deleted_posts", three.id, "archival").await;
    assert!(three.restore(&there).await.is_err());
    let legal = sea_orm_archive::hold::Entity::release_by_id(1, "x")
        .exec(&there)
        .await;
    assert!(legal.is_ok(), "{legal:?}");
}

/// The oid of a partition of an archived table.
#[tokio::test]
async fn hold_on_a_partitioned_table_counts() {
    let (_database, db) = tables(
        "create table held (id int, region text, primary key (id, region)) partition by list (region);
         create table held_a partition of held for values in ('a'); insert into held values (1, 'a')",
        &["held"],
    )
    .await;
    run(&db, "select archive.place_hold(null, 'held_a', jsonb_build_array('1', 'a'), 'case', null, null)").await;
    run(&db, ARCHIVE).await;
    assert_kept(&db, "deleted_held", 1, "hold on the partition of the row").await;
}

/// The same key, written in another way: 1.0 and 1.00 are equal.
#[tokio::test]
async fn hold_is_on_the_key_and_not_on_its_text() {
    let (_database, db) = tables(
        "create table held (id numeric primary key); insert into held values (1.0)",
        &["held"],
    )
    .await;
    run(&db, "select archive.place_hold(null, 'held', jsonb_build_array(archive.exact_text(t.id)), 'case', null, null) from held t where t.id = 1").await;
    run(&db, "update held set id = 1.00 where id = 1").await;
    run(&db, ARCHIVE).await;
    assert_kept(&db, "deleted_held", 1, "1.00").await;
}

/// A call of the function with something that cannot be held.
#[tokio::test]
async fn hold_on_what_is_no_archived_table_is_refused() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let mut silent = Vec::new();
    for (relation, key) in [
        ("deleted_posts", "'[\"1\"]'"),
        ("deleted_posts", "null"),
        ("posts_pkey", "null"),
        ("posts", "'[\"999\"]'"),
        ("posts", "'[\"01\"]'"),
        ("posts", "'[1]'"),
    ] {
        let placed = db
            .execute_unprepared(&format!(
                "select archive.place_hold(null, '{relation}', {key}, 'x', null, null)"
            ))
            .await;
        let txn = db.begin().await.unwrap();
        if placed.is_ok() && archival.purge(&txn).await.is_ok() {
            silent.push(format!("{relation} {key}"));
        }
        txn.rollback().await.unwrap();
        run(&db, "delete from archive.hold").await;
    }
    assert!(silent.is_empty(), "placed, and held nothing: {silent:?}");
}
