//! A table of current values becomes identities and their history, and back.

use sea_orm::DbErr;
use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistorySplit, HistoryTable, TemporalForeignKey,
};
use sea_orm_migration::prelude::*;

use crate::database::{Migrated, assert_says, refused};

const DEPARTMENTS: &str = r#"create table departments (id serial primary key,
        name varchar(100) collate "C" not null default 'it''s', boss int, created_at timestamptz);
    insert into departments (name, boss, created_at) values
        ('Engineering', 7, '2024-01-01Z'), ('Sales', null, '2024-02-01Z')"#;

fn split() -> HistorySplit {
    HistorySplit::new(
        HistoryTable::new("department_history").identity("department_id", "departments"),
    )
    .columns(["name", "boss"])
    .since_column("created_at")
}

#[tokio::test]
async fn values_move_and_come_back() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    let before = m.columns("departments").await;
    for _ in 0..2 {
        for _ in 0..2 {
            m.manager().split_into_history(split()).await?;
            assert_eq!(
                m.columns("departments").await,
                [
                    "id integer not null default",
                    "created_at timestamp with time zone"
                ]
            );
            assert_eq!(
                m.columns("department_history").await,
                [
                    "id bigint not null identity",
                    "department_id integer not null",
                    "name character varying(100) \"C\" not null default",
                    "boss integer",
                    "valid_from timestamp with time zone not null",
                    "valid_to timestamp with time zone",
                ]
            );
            assert_eq!(
                m.all::<String>(
                    "select concat_ws(' ', department_id, name, boss, valid_from at time zone 'UTC', valid_to)
                     from department_history order by 1"
                )
                .await,
                ["1 Engineering 7 2024-01-01 00:00:00", "2 Sales 2024-02-01 00:00:00"]
            );
        }
        for _ in 0..2 {
            m.manager().unsplit_history("department_history").await?;
            let mut after = m.columns("departments").await;
            after.sort();
            let mut before = before.clone();
            before.sort();
            assert_eq!(after, before);
            assert_eq!(
                m.all::<String>(
                    "select concat_ws(' ', id, name, boss) from departments order by 1"
                )
                .await,
                ["1 Engineering 7", "2 Sales"]
            );
            assert!(!m.exists("department_history").await);
        }
    }
    let default: String = m
        .one("insert into departments default values returning name")
        .await;
    assert_eq!(default, "it's");
    Ok(())
}

#[tokio::test]
async fn versions_start_now_or_when_it_is_said() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    let history =
        || HistoryTable::new("department_history").identity("department_id", "departments");
    let now = HistorySplit::new(history()).columns(["name"]);
    m.manager().split_into_history(now).await?;
    assert_eq!(
        m.one::<i64>("select count(distinct valid_from) from department_history where valid_from between now() - interval '1 minute' and clock_timestamp()").await,
        1
    );
    m.manager().unsplit_history("department_history").await?;
    let day = chrono_date();
    let days = HistorySplit::new(history().dates().bitemporal())
        .columns(["name"])
        .since(day);
    m.manager().split_into_history(days).await?;
    assert_eq!(
        m.all::<String>("select distinct valid_from::text from department_history")
            .await,
        ["2020-02-29"]
    );
    m.manager().unsplit_history("department_history").await
}

fn chrono_date() -> sea_orm::prelude::Date {
    sea_orm::prelude::Date::from_ymd_opt(2020, 2, 29).unwrap()
}

#[tokio::test]
async fn a_start_that_is_not_known_names_the_row() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    for start in ["null", "'infinity'"] {
        m.run(&format!(
            "update departments set created_at = {start} where id = 2"
        ))
        .await;
        let error = refused(m.manager().split_into_history(split()).await);
        assert_says(
            &error,
            &[r#"{"id": 2}"#, "public.departments", "created_at"],
        );
    }
    m.run("alter table departments alter created_at type timestamp")
        .await;
    let error = refused(m.manager().split_into_history(split()).await);
    assert_says(&error, &["timestamp without time zone", "timestamptz"]);
    assert_eq!(m.columns("departments").await.len(), 4);
    assert!(!m.exists("department_history").await);
    Ok(())
}

#[tokio::test]
async fn what_needs_the_columns_is_named() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    for (create, drop, says) in [
        (
            "create view names as select name from departments",
            "drop view names",
            "view names",
        ),
        (
            "create index by_name on departments (lower(name))",
            "drop index by_name",
            "index by_name",
        ),
        (
            "create index by_boss on departments (id) include (boss)",
            "drop index by_boss",
            "index by_boss",
        ),
        (
            "alter table departments add constraint u unique (name, id)",
            "alter table departments drop constraint u",
            "constraint u",
        ),
        (
            "alter table departments add constraint c check (boss > 0)",
            "alter table departments drop constraint c",
            "constraint c",
        ),
        (
            "alter table departments add constraint f foreign key (boss) references departments",
            "alter table departments drop constraint f",
            "constraint f",
        ),
        (
            "create statistics s on name, boss from departments",
            "drop statistics s",
            "statistics object s",
        ),
        (
            "alter table departments add g int generated always as (boss + 1) stored",
            "alter table departments drop g",
            "column g",
        ),
    ] {
        let create = create.replace(
            "references departments",
            "references departments (id) not valid",
        );
        m.run(&create).await;
        let error = refused(m.manager().split_into_history(split()).await);
        assert_says(&error, &["public.departments", says, "drop it first"]);
        m.run(drop).await;
    }
    m.manager().split_into_history(split()).await
}

#[tokio::test]
async fn columns_that_cannot_move_are_refused() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    m.run("alter table departments add g int generated always as (1) stored, add i int generated always as identity").await;
    for (columns, says) in [
        (vec![], ".columns("),
        (vec!["id"], "primary key"),
        (vec!["none"], "no column \"none\""),
        (vec!["g"], "computes the column \"g\""),
        (vec!["i"], "computes the column \"i\""),
    ] {
        let split =
            HistorySplit::new(HistoryTable::new("h").identity("department_id", "departments"))
                .columns(columns);
        assert_says(
            &refused(m.manager().split_into_history(split).await),
            &[says],
        );
    }
    m.run("create table department_history (id int)").await;
    let error = refused(m.manager().split_into_history(split()).await);
    assert_says(&error, &["public.department_history already"]);
    m.run("drop table department_history").await;
    m.manager().archive_existing_table("departments").await?;
    assert_says(
        &refused(m.manager().split_into_history(split()).await),
        &["has a twin"],
    );
    Ok(())
}

#[tokio::test]
async fn a_history_that_would_be_lost_is_not_put_back() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    m.manager().split_into_history(split()).await?;
    m.run(
        "update department_history set valid_to = '2024-06-01Z' where department_id = 1;
         insert into department_history (department_id, name, valid_from) values (1, 'R&D', '2024-06-01Z')",
    )
    .await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_says(
        &error,
        &[
            r#"{"id": 1} has 2 versions, 1 of them ended"#,
            "1 identities",
        ],
    );
    m.run("delete from department_history where valid_to is null and department_id = 1; insert into departments values (9)").await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_says(
        &error,
        &[
            r#"{"id": 1} has 1 versions, 1 of them ended"#,
            "2 identities",
        ],
    );
    m.run("update department_history set valid_to = null").await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_says(&error, &[r#"{"id": 9} has 0 versions"#]);
    m.run("delete from departments where id = 9; create table t (id int primary key, dep int, at timestamptz)").await;
    m.manager()
        .create_temporal_foreign_key(
            TemporalForeignKey::new("t", ["dep"])
                .at("at")
                .references("department_history"),
        )
        .await?;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_says(&error, &["public.t", "drop_temporal_foreign_key"]);
    m.manager()
        .drop_temporal_foreign_key("t", "t_dep_at_fkey")
        .await?;
    m.manager().unsplit_history("department_history").await?;
    m.manager()
        .create_history_table(HistoryTable::new("h").identity("department_id", "departments"))
        .await?;
    assert_says(
        &refused(m.manager().unsplit_history("h").await),
        &["split_into_history"],
    );
    Ok(())
}
