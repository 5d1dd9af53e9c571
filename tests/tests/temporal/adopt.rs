//! `create_history_table` adopts an existing table.

use sea_orm::DbErr;
use sea_orm_archive_migration::{HistorySchema, HistoryTable};
use sea_orm_migration::{prelude::*, schema::*};

use crate::migration::database::{Migrated, assert_mentions, refused};
use crate::temporal::company::department_history;

/// A history table created with plain SQL.
const PLAIN_SQL: &str = "create extension if not exists btree_gist;
    create table departments (id serial primary key);
    create table department_history (
        id serial primary key,
        department_id int not null references departments(id),
        name varchar(100) not null,
        valid_from timestamptz not null,
        valid_to timestamptz,
        check (valid_to is null or valid_to > valid_from),
        unique (department_id, valid_from),
        exclude using gist (
            department_id with =,
            tstzrange(valid_from, coalesce(valid_to, 'infinity'), '[)') with &&
        )
    );
    create index idx_dh_dept_validity on department_history (department_id, valid_from, valid_to)";

const CONSTRAINTS: &str = "select conname::text collate \"C\" from pg_constraint
    where conrelid = 'department_history'::regclass and contype <> 'n' order by 1";

#[tokio::test]
async fn table_created_with_plain_sql_is_adopted() -> Result<(), DbErr> {
    let m = Migrated::with(PLAIN_SQL).await;
    m.run(
        "insert into departments values (1);
         insert into department_history values (1, 1, 'a', '2024-01-01Z', '2024-02-01Z'), (2, 1, 'b', '2024-02-01Z', null)",
    )
    .await;
    for definition in [
        department_history(),
        HistoryTable::new("department_history").identity("department_id", "departments"),
        department_history().key(pk_auto("id")),
    ] {
        m.manager().create_history_table(definition).await?;
        assert_eq!(
            m.all::<String>(CONSTRAINTS).await,
            [
                "department_history_check",
                "department_history_department_id_fkey",
                "department_history_department_id_tstzrange_excl",
                "department_history_department_id_valid_from_key",
                "department_history_finite_check",
                "department_history_pkey",
            ]
        );
        assert_eq!(
            m.all::<String>(
                "select indexrelid::regclass::text from pg_index
                 where indrelid = 'department_history'::regclass and indpred is not null"
            )
            .await,
            ["department_history_current_key"]
        );
    }
    assert_eq!(
        m.one::<i64>("select count(*) from department_history")
            .await,
        2
    );
    Ok(())
}

#[tokio::test]
async fn missing_constraints_are_added() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table departments (id int primary key);
         create table department_history (department_id int not null, name varchar(100) not null, more text,
             valid_from timestamptz not null, valid_to timestamptz, primary key (department_id, valid_from))",
    )
    .await;
    for _ in 0..2 {
        m.manager()
            .create_history_table(department_history())
            .await?;
    }
    assert_eq!(
        m.all::<String>(CONSTRAINTS).await,
        [
            "department_history_finite_check",
            "department_history_identity_fkey",
            "department_history_period_check",
            "department_history_period_excl",
            "department_history_pkey",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn table_that_does_not_fit_is_refused() -> Result<(), DbErr> {
    let m = Migrated::with(PLAIN_SQL).await;
    for (change, expected) in [
        (
            "alter column department_id type bigint",
            "\"department_id\" is bigint, and not integer",
        ),
        (
            "drop column valid_from cascade, add column valid_from date not null",
            "\"valid_from\" is date",
        ),
        (
            "alter column valid_to set not null",
            "\"valid_to\" is NOT NULL",
        ),
        ("alter column name type text", "\"name\" is text"),
        ("rename column name to title", "lacks the column \"name\""),
        ("drop constraint department_history_pkey", "no primary key"),
        (
            "drop constraint department_history_department_id_fkey, add foreign key (department_id) references departments on delete cascade",
            "ON DELETE CASCADE",
        ),
    ] {
        m.run(&format!("alter table department_history {change}"))
            .await;
        let error = refused(m.manager().create_history_table(department_history()).await);
        assert_mentions(&error, &["public.department_history", expected]);
        m.run("drop table department_history").await;
        m.run(&PLAIN_SQL.replace("create table departments (id serial primary key);", ""))
            .await;
    }
    let error = refused(
        m.manager()
            .create_history_table(department_history().bitemporal())
            .await,
    );
    assert_mentions(&error, &["lacks the column \"recorded_from\""]);
    assert_eq!(
        m.one::<i64>("select count(*) from archive.history_table")
            .await,
        0
    );
    Ok(())
}

#[tokio::test]
async fn rows_that_violate_the_constraints_are_named() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table departments (id int primary key);
         insert into departments values (1);
         create table department_history (id int primary key, department_id int not null, name varchar(100) not null,
             valid_from timestamptz not null, valid_to timestamptz);
         insert into department_history values (1, 1, 'a', '2024-01-01Z', '2024-03-01Z'), (2, 1, 'b', '2024-02-01Z', null)",
    )
    .await;
    let error = refused(m.manager().create_history_table(department_history()).await);
    assert_mentions(
        &error,
        &[
            "valid at the same time",
            "period_excl",
            "Key (department_id",
        ],
    );
    m.run("update department_history set valid_to = '-infinity' where id = 1")
        .await;
    let error = refused(m.manager().create_history_table(department_history()).await);
    assert_mentions(&error, &["ends after it starts", "period_check"]);
    assert_eq!(
        m.one::<i64>(
            "select count(*) from pg_constraint where conrelid = 'department_history'::regclass and contype <> 'n'"
        )
        .await,
        1
    );
    Ok(())
}

#[tokio::test]
async fn registered_history_cannot_be_redefined() -> Result<(), DbErr> {
    let m = Migrated::with(PLAIN_SQL).await;
    m.run("create table others (id int primary key); alter table department_history add other_id int not null references others, add since timestamptz not null").await;
    m.manager()
        .create_history_table(department_history())
        .await?;
    for other in [
        HistoryTable::new("department_history").identity("other_id", "others"),
        HistoryTable::new("department_history")
            .identity("department_id", "departments")
            .valid_from("since"),
    ] {
        let error = refused(m.manager().create_history_table(other).await);
        assert_mentions(
            &error,
            &["is already a history of public.departments by (department_id)"],
        );
    }
    // Renamed tables are found.
    m.run(
        "alter table department_history rename to names; alter table departments rename to units",
    )
    .await;
    m.manager()
        .create_history_table(HistoryTable::new("names").identity("department_id", "units"))
        .await
}
