//! Calls that are too large for one statement or one answer.

use sea_orm::ColumnTrait;
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::number;
use sea_orm_archive_tests::tables::tables;

use crate::tables::family::{FAMILY, cascaded};

const ROWS: &str = "create table parents (id bigint primary key);
    create table children (id bigint primary key, parent_id bigint references parents on delete cascade);
    insert into parents select n from generate_series(1, 300) as n";

#[tokio::test]
async fn more_values_than_the_protocol_takes_are_refused_with_the_call_that_works() {
    let (_database, db) = tables(ROWS, &FAMILY).await;
    let ids: Vec<i64> = (1..=65_600).collect();
    let many = || cascaded::parent::Entity::archive_many();
    let error = many()
        .filter(cascaded::parent::Column::Id.is_in(ids.clone()))
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Refused(RefusedError::TooManyValues { values }) if values > 65_600),
        "{error}"
    );
    assert!(error.to_string().contains("eq_any"), "{error}");
    assert_eq!(number(&db, "select count(*) from parents").await, 300);
    let any = cascaded::parent::Column::Id.eq_any(ids);
    let archivals = many().filter(any).exec(&db).await.unwrap();
    assert_eq!(archivals.len(), 300);
}

/// 300 records with a reason of a megabyte are larger than the largest array of PostgreSQL.
#[tokio::test]
async fn more_roots_than_the_answer_can_hold_are_refused_before_anything_moves() {
    let (_database, db) = tables(ROWS, &FAMILY).await;
    let reason = "x".repeat(1_000_000);
    let many = || cascaded::parent::Entity::archive_many().reason(reason.clone());
    let error = many().exec(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Refused(RefusedError::TooManyRows { rows: 300, table }) if table == "public.parents"),
        "{error}"
    );
    assert_eq!(number(&db, "select count(*) from parents").await, 300);
    assert_eq!(
        number(&db, "select count(*) from archive.archival").await,
        0
    );
    let some = many().filter(cascaded::parent::Column::Id.lte(5));
    assert_eq!(some.exec(&db).await.unwrap().len(), 5);
}
