//! `split_into_history` turns a table of current values into identities and a history; `unsplit_history` reverts that.

use sea_orm::DbErr;
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, HistorySchema, HistorySplit, HistoryTable, TemporalForeignKey,
};
use sea_orm_migration::prelude::*;

use crate::migration::database::{Migrated, assert_mentions, refused};

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
async fn split_and_unsplit_preserve_all_values() -> Result<(), DbErr> {
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
async fn versions_start_now_or_at_the_given_time() -> Result<(), DbErr> {
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
async fn row_without_a_start_is_refused_and_named() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    for start in ["null", "'infinity'"] {
        m.run(&format!(
            "update departments set created_at = {start} where id = 2"
        ))
        .await;
        let error = refused(m.manager().split_into_history(split()).await);
        assert_mentions(
            &error,
            &[r#"{"id": 2}"#, "public.departments", "created_at"],
        );
    }
    m.run("alter table departments alter created_at type timestamp")
        .await;
    let error = refused(m.manager().split_into_history(split()).await);
    assert_mentions(&error, &["timestamp without time zone", "timestamptz"]);
    assert_eq!(m.columns("departments").await.len(), 4);
    assert!(!m.exists("department_history").await);
    Ok(())
}

#[tokio::test]
async fn objects_that_depend_on_the_columns_are_named() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    for (create, drop, expected) in [
        (
            "create view names as select name from departments",
            "drop view names",
            "view public.names",
        ),
        (
            "create index by_name on departments (lower(name))",
            "drop index by_name",
            "index public.by_name",
        ),
        (
            "create index by_boss on departments (id) include (boss)",
            "drop index by_boss",
            "index public.by_boss",
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
            "statistics object public.s",
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
        assert_mentions(&error, &["public.departments", expected, "drop it first"]);
        m.run(drop).await;
    }
    m.manager().split_into_history(split()).await
}

#[tokio::test]
async fn columns_that_cannot_move_are_refused() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    m.run("alter table departments add g int generated always as (1) stored, add i int generated always as identity").await;
    for (columns, expected) in [
        (vec![], ".columns("),
        (vec!["id"], "primary key"),
        (vec!["none"], "no column \"none\""),
        (vec!["g"], "generates the column \"g\""),
        (vec!["i"], "generates the column \"i\""),
    ] {
        let split =
            HistorySplit::new(HistoryTable::new("h").identity("department_id", "departments"))
                .columns(columns);
        assert_mentions(
            &refused(m.manager().split_into_history(split).await),
            &[expected],
        );
    }
    m.run("create table department_history (id int)").await;
    let error = refused(m.manager().split_into_history(split()).await);
    assert_mentions(&error, &["public.department_history already"]);
    m.run("drop table department_history").await;
    m.manager().archive_existing_table("departments").await?;
    assert_mentions(
        &refused(m.manager().split_into_history(split()).await),
        &["has an archive table"],
    );
    Ok(())
}

#[tokio::test]
async fn unsplit_of_a_history_with_ended_versions_is_refused() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    m.manager().split_into_history(split()).await?;
    m.run(
        "update department_history set valid_to = '2024-06-01Z' where department_id = 1;
         insert into department_history (department_id, name, valid_from) values (1, 'R&D', '2024-06-01Z')",
    )
    .await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(
        &error,
        &[
            r#"{"id": 1} has 2 versions, 1 of them ended"#,
            "1 identities",
        ],
    );
    m.run("delete from department_history where valid_to is null and department_id = 1; insert into departments values (9)").await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(
        &error,
        &[
            r#"{"id": 1} has 1 versions, 1 of them ended"#,
            "2 identities",
        ],
    );
    m.run("update department_history set valid_to = null").await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(&error, &[r#"{"id": 9} has 0 versions"#]);
    m.run("delete from departments where id = 9; create table t (id int primary key, dep int, at timestamptz)").await;
    m.manager()
        .create_temporal_foreign_key(
            TemporalForeignKey::new("t", ["dep"])
                .at("at")
                .references("department_history"),
        )
        .await?;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(&error, &["public.t", "drop_temporal_foreign_key"]);
    m.manager()
        .drop_temporal_foreign_key("t", "t_dep_at_fkey")
        .await?;
    m.manager().unsplit_history("department_history").await?;
    m.manager()
        .create_history_table(HistoryTable::new("h").identity("department_id", "departments"))
        .await?;
    assert_mentions(
        &refused(m.manager().unsplit_history("h").await),
        &["split_into_history"],
    );
    Ok(())
}

/// The columns and rows of the departments and their history; a refused migration changes neither.
async fn everything(m: &Migrated) -> Vec<String> {
    let mut all = m.columns("departments").await;
    for table in ["departments", "department_history"] {
        let rows = format!("select to_jsonb(t)::text from {table} as t order by 1");
        all.extend(m.all::<String>(&rows).await);
    }
    all
}

#[tokio::test]
async fn unsplit_that_would_lose_other_columns_is_refused() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    let history = HistoryTable::new("department_history")
        .identity("department_id", "departments")
        .recorded_by("recorded_by", ColumnType::Text)
        .bitemporal();
    let split = HistorySplit::new(history)
        .columns(["name", "boss"])
        .since_column("created_at");
    m.manager().split_into_history(split).await?;
    m.run(
        "create type pair as (a int, b int);
         alter table department_history add column budget pair, add column \"no \"\"one\" json;
         update department_history set budget = row(department_id, null), recorded_by = case department_id when 1 then 'ann' end",
    )
    .await;
    let before = everything(&m).await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(
        &error,
        &[
            "public.department_history",
            "\"budget\" in 2 of its rows",
            "\"recorded_by\" in 1 of its rows",
        ],
    );
    assert!(!error.contains("no \"\"one"), "{error}");
    assert_eq!(everything(&m).await, before);
    m.run("alter table department_history drop column budget")
        .await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(&error, &["lost: \"recorded_by\" in 1 of its rows;"]);
    m.run("update department_history set recorded_by = null")
        .await;
    m.manager().unsplit_history("department_history").await?;
    assert_eq!(
        m.all::<String>("select concat_ws(' ', id, name, boss) from departments order by 1")
            .await,
        ["1 Engineering 7", "2 Sales"]
    );
    Ok(())
}

#[tokio::test]
async fn unsplit_of_a_history_with_corrected_versions_is_refused() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    let history = HistoryTable::new("department_history")
        .identity("department_id", "departments")
        .bitemporal();
    let split = HistorySplit::new(history).columns(["name"]);
    m.manager().split_into_history(split).await?;
    m.run(
        "update department_history set recorded_to = 'infinity' where department_id = 1;
         insert into department_history (department_id, name, valid_from) values (1, 'R&D', '2024-06-01Z')",
    )
    .await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(&error, &["has 2 versions, 1 of them ended or corrected"]);
    m.run("delete from department_history where recorded_to is null and department_id = 1")
        .await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(&error, &["has 1 versions, 1 of them ended or corrected"]);
    Ok(())
}

#[tokio::test]
async fn trigger_that_changes_unsplit_values_is_refused() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    m.run("alter table departments add column notes json; update departments set notes = '{\"a\":  1}'")
        .await;
    m.manager()
        .split_into_history(split().columns(["notes"]))
        .await?;
    let before_update = "create trigger t before update on departments";
    let after_update = "create trigger t after update on departments";
    // It fires at the end of the transaction, after the history was dropped.
    let deferred =
        "create constraint trigger t after update on departments deferrable initially deferred";
    for (trigger, body) in [
        (before_update, "return null;"),
        (before_update, "new.boss := 8; return new;"),
        (before_update, "new.name := upper(new.name); return new;"),
        (before_update, "new.notes := '{\"a\": 1}'; return new;"),
        (
            before_update,
            "if new.boss = 7 then return null; end if; return new;",
        ),
        (
            after_update,
            "update departments set boss = 9 where boss = 7; return null;",
        ),
        (
            deferred,
            "update departments set boss = 9 where boss = 7; return null;",
        ),
    ] {
        m.run(&format!(
            "create or replace function t() returns trigger language plpgsql as $$ begin {body} end $$;
             {trigger} for each row execute function t()"
        ))
        .await;
        let before = everything(&m).await;
        let error = refused(m.manager().unsplit_history("department_history").await);
        assert_mentions(&error, &["public.departments", "a trigger", "{\"id\": "]);
        assert_eq!(everything(&m).await, before, "{body}");
        m.run("drop trigger t on departments").await;
    }
    m.run("create rule r as on update to departments do instead nothing")
        .await;
    let error = refused(m.manager().unsplit_history("department_history").await);
    assert_mentions(&error, &["2 of its rows", "trigger or a rule"]);
    m.run(
        "drop rule r on departments;
         create or replace function t() returns trigger language plpgsql as
             $$ begin new.created_at := now(); return new; end $$;
         create trigger t before update on departments for each row execute function t()",
    )
    .await;
    m.manager().unsplit_history("department_history").await?;
    assert_eq!(
        m.all::<String>("select concat_ws(' ', id, name, boss, notes) from departments order by 1")
            .await,
        ["1 Engineering 7 {\"a\":  1}", "2 Sales {\"a\":  1}"]
    );
    Ok(())
}

/// Without tenancy; with it the log follows anyway.
#[tokio::test]
async fn log_follows_a_split_and_unsplit_table() -> Result<(), DbErr> {
    let m = Migrated::with(DEPARTMENTS).await;
    m.manager().install_audit().await?;
    m.manager().audit_table("departments").await?;
    m.manager().split_into_history(split()).await?;
    assert_eq!(sea_orm_archive::check(&m.db).await.unwrap(), []);
    m.manager().unsplit_history("department_history").await?;
    assert_eq!(sea_orm_archive::check(&m.db).await.unwrap(), []);
    m.run("update departments set name = 'R & D' where id = 1")
        .await;
    let names = "select new->>'name' from archive.audit_entry where operation = 'UPDATE'";
    assert_eq!(m.all::<String>(names).await.last().unwrap(), "R & D");
    Ok(())
}
