//! Values of all types.
use super::kit::both;
use super::kit::no_raw;
use sea_orm::TransactionTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{run, texts};
use sea_orm_archive_tests::tables::tables;

pub mod stuff {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;
    #[derive(Clone, Debug, PartialEq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "Mood")]
    pub enum Mood {
        #[sea_orm(string_value = "it's")]
        Its,
        #[sea_orm(string_value = "b\\ad")]
        Bad,
    }
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "stuff")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub f: f64,
        pub b: Vec<u8>,
        pub j: Json,
        pub m: Mood,
        pub n: Decimal,
        pub u: Uuid,
        pub d: DateTimeUtc,
        pub c: String,
        pub i: i32,
        pub p: String,
        pub v: String,
    }
    impl ActiveModelBehavior for ActiveModel {}
}
const STUFF: &str = "create extension citext; create type \"Mood\" as enum ('it''s', 'b\\ad'); create domain short as varchar(5) check (value <> 'no');
    create table stuff (id bigserial primary key, f float8 not null default 0, b bytea not null default '', j jsonb not null default '{}', m \"Mood\" not null default 'it''s', n numeric(10,2) not null default 0,
        u uuid not null default gen_random_uuid(), d timestamptz not null default now(), c citext not null unique, i int not null default 0 check (i < 1000), p char(4) not null default 'abcd' unique, v short not null default 'dom' unique);
    insert into stuff (c) values ('Name')";
const ALL: [&str; 3] = ["stuff", "deleted_stuff", "archive.archival"];
async fn one() -> (sea_orm_archive_tests::Database, sea_orm::DatabaseConnection) {
    let made = tables(STUFF, &["stuff"]).await;
    stuff::Entity::archive_by_id(1).exec(&made.1).await.unwrap();
    made
}

#[tokio::test]
async fn bytes_are_the_same_without_standard_strings() {
    let (_d, db) = one().await;
    for setting in ["on", "off"] {
        let txn = db.begin().await.unwrap();
        run(&txn, &format!("set local standard_conforming_strings = {setting}; set local escape_string_warning = off")).await;
        let done = stuff::Entity::restore_by_id(1)
            .set(stuff::Column::B, vec![1u8, 0x41, 0xff, 0, 0x27])
            .exec(&txn)
            .await;
        if let Err(error) = &done {
            no_raw(error);
        }
        let found = texts(&txn, "select encode(b, 'hex') from stuff").await;
        assert_eq!(
            found,
            ["0141ff0027"],
            "{setting}: {:?}",
            done.map(|d| d.changes).map_err(|e| e.to_string())
        );
        txn.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn floats_that_are_no_numbers() {
    let (_d, db) = one().await;
    for (value, text) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (1e300, "1e+300"),
        (-0.1, "-0.1"),
        (5e-324, "5e-324"),
    ] {
        let txn = db.begin().await.unwrap();
        let done = stuff::Entity::restore_by_id(1)
            .set(stuff::Column::F, value)
            .exec(&txn)
            .await;
        if let Err(error) = &done {
            no_raw(error);
        }
        done.unwrap();
        assert_eq!(texts(&txn, "select f::text from stuff").await, [text]);
        txn.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_control_character_is_not_another_one() {
    let (_d, db) = one().await;
    for text in ["a\u{1a}b", "a\u{1}b"] {
        let txn = db.begin().await.unwrap();
        stuff::Entity::restore_by_id(1)
            .set(stuff::Column::C, text)
            .exec(&txn)
            .await
            .unwrap();
        assert_eq!(texts(&txn, "select c::text from stuff").await, [text]);
        txn.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn an_octal_digit_after_a_zero_byte_is_no_escape() {
    let (_d, db) = one().await;
    let txn = db.begin().await.unwrap();
    let done = stuff::Entity::restore_by_id(1)
        .set(stuff::Column::C, "a\x0041")
        .exec(&txn)
        .await;
    let found = texts(&txn, "select c::text from stuff").await;
    assert!(done.is_err(), "a zero byte and 41 became {found:?}");
    no_raw(&done.unwrap_err());
}

#[tokio::test]
async fn enums_json_and_others() {
    let (_d, db) = one().await;
    let id = sea_orm::prelude::Uuid::from_u128(5);
    for setting in ["on", "off"] {
        let txn = db.begin().await.unwrap();
        run(&txn, &format!("set local standard_conforming_strings = {setting}; set local escape_string_warning = off")).await;
        let json = serde_json::json!({"a": "it's \\ \" \u{1F600} {n} $1 ?", "b": [1, 1e20, null]});
        let done = stuff::Entity::restore_by_id(1)
            .set(stuff::Column::M, stuff::Mood::Bad)
            .set(stuff::Column::J, json.clone())
            .set(stuff::Column::U, id)
            .set(
                stuff::Column::N,
                "12345678.91".parse::<sea_orm::prelude::Decimal>().unwrap(),
            )
            .set(
                stuff::Column::D,
                "2000-01-01T00:00:00.123456Z"
                    .parse::<sea_orm::prelude::DateTimeUtc>()
                    .unwrap(),
            )
            .set(stuff::Column::I, -5)
            .exec(&txn)
            .await
            .unwrap();
        assert_eq!(done.changes.len(), 6);
        use sea_orm::EntityTrait;
        let row = stuff::Entity::find_by_id(1)
            .one(&txn)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (row.m, row.j, row.u, row.i),
            (stuff::Mood::Bad, json, id, -5)
        );
        txn.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn values_that_do_not_fit() {
    let (_d, db) = one().await;
    let r = || stuff::Entity::restore_by_id(1);
    let tries = [
        r().set(stuff::Column::I, 5000),
        r().set(stuff::Column::I, i64::MAX),
        r().set(stuff::Column::N, 1e12),
        r().set(stuff::Column::M, "other"),
        r().set(stuff::Column::J, "{"),
        r().set(stuff::Column::U, "x"),
        r().set(stuff::Column::D, "2000-13-45"),
        r().set(stuff::Column::V, "no"),
        r().set(stuff::Column::V, "too long"),
        r().set(stuff::Column::P, "abcdefg"),
        r().set(stuff::Column::B, "\\xzz"),
        r().set(stuff::Column::B, "\\x1"),
        r().set(stuff::Column::F, "1e999"),
        r().set(stuff::Column::D, "infinity+"),
        r().set(stuff::Column::D, "999999-01-01"),
        r().set(stuff::Column::J, "\"\\u0000\""),
        r().set(stuff::Column::I, "5; drop table stuff"),
    ];
    let mut raw = Vec::new();
    for (n, restore) in tries.into_iter().enumerate() {
        let done = both!(&db, &format!("{n}"), ALL, restore);
        let error = done.unwrap_err();
        if matches!(error, Error::Database(_)) {
            raw.push(format!("{n}: {error}"));
        }
    }
    assert!(raw.is_empty(), "{raw:#?}");
}

#[tokio::test]
async fn renames_of_citext_char_and_domains() {
    let (_d, db) = one().await;
    run(
        &db,
        "insert into stuff (c, p, v) values ('NAME', 'x', 'x'), ('name-2', 'y', 'y')",
    )
    .await;
    let done = both!(
        &db,
        "citext",
        ALL,
        stuff::Entity::restore_by_id(1).rename(stuff::Column::C, "-{n}")
    )
    .unwrap();
    assert_eq!(done.changes[0].to["c"], "Name-3");
    stuff::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into stuff (c, p, v) values ('q', 'abcd', 'z')").await;
    for column in [stuff::Column::P, stuff::Column::V, stuff::Column::B] {
        let error = both!(
            &db,
            "char",
            ALL,
            stuff::Entity::restore_by_id(1).rename(column, "-{n}")
        )
        .unwrap_err();
        no_raw(&error);
    }
    both!(
        &db,
        "set char",
        ALL,
        stuff::Entity::restore_by_id(1).set(stuff::Column::P, "ab")
    )
    .unwrap();
}
