//! Rows with many changes: an update contains the whole row now and then, and a read of an earlier time stops there.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{DatabaseConnection, EntityTrait, TransactionTrait};
use sea_orm_archive::audit::AuditEntity;
use sea_orm_archive_migration::{AuditSchema, AuditedTable};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

mod reading {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "readings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub value: i32,
        pub label: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const VERSIONS: i32 = 600;

/// One row with a value that each of many updates raises by one, and the time of each value.
async fn many_versions(audited: AuditedTable) -> (Database, DatabaseConnection) {
    let (database, db) = tables(
        "create table readings (id bigint primary key, value integer not null, label text not null);
         create table times (value integer, at timestamptz)",
        &[],
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table(audited).await.unwrap();
    run(
        &db,
        &format!(
            "insert into readings values (1, 0, 'meter'), (2, 0, 'other');
             do $$ begin
                 for n in 1..{VERSIONS} loop
                     insert into times values (n - 1, clock_timestamp());
                     perform pg_sleep(0.0001);
                     update readings set value = n where id = 1;
                 end loop;
             end $$"
        ),
    )
    .await;
    (database, db)
}

async fn time_of(db: &DatabaseConnection, value: i32) -> DateTimeUtc {
    let sql = format!("select to_json(at) #>> '{{}}' from times where value = {value}");
    texts(db, &sql).await[0].parse().unwrap()
}

#[tokio::test]
async fn each_of_many_versions_is_read_as_it_was() {
    let (_database, db) = many_versions(AuditedTable::new("readings")).await;
    let whole = number(
        &db,
        "select count(*) from archive.audit_entry where whole is not null",
    )
    .await;
    assert!((3..=60).contains(&whole), "{whole} of {VERSIONS}");
    for value in (0..VERSIONS).step_by(23).chain([VERSIONS - 1]) {
        let at = time_of(&db, value).await;
        let row = reading::Entity::find_as_of(1, at)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((row.row.value, row.row.label.as_str()), (value, "meter"));
        assert_eq!(row.unknown, Vec::<String>::new());
    }
}

/// Nor are the entries of other rows, although the log has many of them after that time.
#[tokio::test]
async fn read_of_an_earlier_time_reads_few_entries() {
    let (_database, db) = many_versions(AuditedTable::new("readings")).await;
    run(
        &db,
        "insert into readings select n, 0, 'other' from generate_series(10, 3000) n;
         update readings set value = 1 where id >= 10;
         analyze archive.audit_entry",
    )
    .await;
    let before = time_of(&db, 10).await;
    let txn = db.begin().await.unwrap();
    let read = "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_all_tables where relname ~ '^audit_entry'";
    // As in a larger log, where reading the entries in order is cheaper than sorting them.
    run(
        &txn,
        "set local enable_sort = off; set local enable_bitmapscan = off",
    )
    .await;
    let already = number(&txn, read).await;
    let past = reading::Entity::find_as_of(1, before)
        .one(&txn)
        .await
        .unwrap();
    assert_eq!(past.map(|past| past.row.value), Some(10));
    let entries = number(&txn, read).await - already;
    assert!((1..300).contains(&entries), "{entries} entries were read");
}

/// The entries after the first one with the whole row are not read: here they have the label as redacted, which would make it unknown.
#[tokio::test]
async fn read_of_an_earlier_time_stops_at_the_next_whole_row() {
    let (_database, db) = many_versions(AuditedTable::new("readings")).await;
    let first = "(select min(at) from archive.audit_entry where whole is not null)";
    run(
        &db,
        &format!("update archive.audit_entry set redacted = '[\"label\"]' where operation = 'UPDATE' and at > {first}"),
    )
    .await;
    let last = number(
        &db,
        &format!("select max(value)::bigint from times where at < {first}"),
    )
    .await;
    for value in [0, i32::try_from(last).unwrap()] {
        let at = time_of(&db, value).await;
        let row = reading::Entity::find_as_of(1, at)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((row.row.value, row.row.label.as_str()), (value, "meter"));
        assert_eq!(row.unknown, Vec::<String>::new());
    }
}

/// An update of many rows in one statement contains some of them.
#[tokio::test]
async fn update_of_many_rows_contains_some_of_them() {
    let (_database, db) = many_versions(AuditedTable::new("readings")).await;
    run(
        &db,
        "insert into readings select n, n, 'many' from generate_series(10, 2009) as n;
         insert into times values (-1, clock_timestamp());
         update readings set value = -value where id >= 10",
    )
    .await;
    let whole = "select count(*) from archive.audit_entry where whole is not null and (key ->> 'id')::bigint >= 10";
    assert!((10..=160).contains(&number(&db, whole).await));
    let at = time_of(&db, -1).await;
    for id in (10..2010).step_by(97) {
        let row = reading::Entity::find_as_of(id, at)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(i64::from(row.row.value), id);
    }
}

/// A column that was added later has the value that it was added with, and a row that was deleted since is read from the log alone.
#[tokio::test]
async fn rows_that_changed_their_columns_or_were_deleted_are_read() {
    let (_database, db) = many_versions(AuditedTable::new("readings")).await;
    let at = time_of(&db, 5).await;
    run(&db, "alter table readings add unit text default 'kWh'").await;
    SchemaManager::new(&db)
        .audit_table("readings")
        .await
        .unwrap();
    for change in ["select", "update readings set unit = 'MWh'"] {
        run(&db, change).await;
        let row = reading::Entity::find_as_of(1, at)
            .json(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            row.row,
            serde_json::json!({"id": 1, "value": 5, "label": "meter", "unit": "kWh"})
        );
    }
    run(&db, "delete from readings").await;
    let row = reading::Entity::find_as_of(1, at)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.row.value, row.row.label.as_str()), (5, "meter"));
    assert!(reading::Entity::find().all(&db).await.unwrap().is_empty());
}

/// The value of a redacted column at an earlier time is in no entry, so no entry has the whole row.
#[tokio::test]
async fn update_of_a_table_with_redacted_columns_contains_no_whole_row() {
    let (_database, db) = many_versions(AuditedTable::new("readings").redact(["label"])).await;
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.audit_entry where whole is not null"
        )
        .await,
        0
    );
    let at = time_of(&db, 7).await;
    let row = reading::Entity::find_as_of(1, at)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.row.value, row.row.label.as_str(), row.unknown.len()),
        (7, "meter", 0)
    );
}

/// Another row has the key now, with a column that was added in between: its value is not one of the first row.
#[tokio::test]
async fn column_of_another_row_with_the_key_is_unknown() {
    let (_database, db) = many_versions(AuditedTable::new("readings")).await;
    let at = time_of(&db, 5).await;
    run(
        &db,
        "delete from readings; alter table readings add owner text",
    )
    .await;
    SchemaManager::new(&db)
        .audit_table("readings")
        .await
        .unwrap();
    run(
        &db,
        "insert into readings values (1, 7, 'meter', 'another person')",
    )
    .await;
    let row = reading::Entity::find_as_of(1, at)
        .json(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        row.row,
        serde_json::json!({"id": 1, "value": 5, "label": "meter"})
    );
    assert_eq!(row.unknown, ["owner"]);
}
