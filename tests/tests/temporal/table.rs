//! Creating and dropping history tables.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable};
use sea_orm_migration::{SchemaManager, prelude::*, schema::*};

use crate::migration::database::{Migrated, assert_mentions, refused};
use crate::temporal::company::department_history;

const CONSTRAINTS: &str = "select name from (
        select conname::text collate \"C\" as name from pg_constraint where conrelid = 'department_history'::regclass and contype <> 'n'
        union
        select indexrelid::regclass::text from pg_index where indrelid = 'department_history'::regclass
    ) as names order by 1";

async fn departments() -> Migrated {
    Migrated::with(
        "create table departments (id serial primary key); insert into departments values (1), (2)",
    )
    .await
}

#[tokio::test]
async fn definition_creates_the_whole_table_and_can_run_again() -> Result<(), DbErr> {
    let m = departments().await;
    for _ in 0..2 {
        for _ in 0..2 {
            m.manager()
                .create_history_table(department_history())
                .await?;
            assert_eq!(
                m.columns("department_history").await,
                [
                    "id bigint not null identity",
                    "department_id integer not null",
                    "name character varying(100) not null",
                    "valid_from timestamp with time zone not null",
                    "valid_to timestamp with time zone",
                ]
            );
            assert_eq!(
                m.all::<String>(CONSTRAINTS).await,
                [
                    "department_history_current_key",
                    "department_history_finite_check",
                    "department_history_identity_fkey",
                    "department_history_period_check",
                    "department_history_period_excl",
                    "department_history_pkey",
                    "department_history_version_key",
                ]
            );
            assert_eq!(
                m.all::<String>("select concat_ws(' ', history, identity, identity_columns, valid_from, valid_to,
                                 range_type, recorded_to) from archive.history_table")
                    .await,
                ["department_history departments {department_id} valid_from valid_to tstzrange"]
            );
        }
        for _ in 0..2 {
            m.manager().drop_history_table("department_history").await?;
            assert!(!m.exists("department_history").await);
            assert_eq!(
                m.one::<i64>("select count(*) from archive.history_table")
                    .await,
                0
            );
        }
    }
    assert!(
        m.one::<bool>("select exists (select from pg_extension where extname = 'btree_gist')")
            .await
    );
    Ok(())
}

#[tokio::test]
async fn constraints_refuse_invalid_versions() -> Result<(), DbErr> {
    let m = departments().await;
    m.manager()
        .create_history_table(department_history())
        .await?;
    let insert = |values: &str| {
        format!(
            "insert into department_history (department_id, name, valid_from, valid_to) values {values}"
        )
    };
    m.run(&insert("(1, 'a', '2024-01-01Z', '2024-02-01Z'), (1, 'b', '2024-02-01Z', null), (2, 'c', '2024-01-01Z', null)"))
        .await;
    for (values, code, constraint) in [
        ("(3, 'x', '2024-01-01Z', null)", "23503", "identity_fkey"),
        (
            "(1, 'x', '2023-02-01Z', '2023-02-01Z')",
            "23514",
            "period_check",
        ),
        (
            "(1, 'x', '2023-02-02Z', '2023-02-01Z')",
            "23514",
            "period_check",
        ),
        (
            "(1, 'x', '-infinity', '2023-02-01Z')",
            "23514",
            "finite_check",
        ),
        (
            "(1, 'x', '2023-02-02Z', 'infinity')",
            "23514",
            "finite_check",
        ),
        (
            "(1, 'x', '2024-01-01Z', '2024-01-02Z')",
            "23505",
            "version_key",
        ),
        (
            "(1, 'x', '2023-12-01Z', '2024-01-02Z')",
            "23P01",
            "period_excl",
        ),
        ("(1, 'x', '2025-01-01Z', null)", "23505", "current_key"),
    ] {
        let refusal = m.refused(&insert(values)).await;
        assert_eq!(
            (refusal.code.as_str(), refusal.constraint),
            (code, Some(format!("department_history_{constraint}"))),
            "{values}"
        );
    }
    assert_eq!(m.refused("delete from departments").await.code, "23503");
    Ok(())
}

#[tokio::test]
async fn bitemporal_history_allows_superseded_versions_to_overlap() -> Result<(), DbErr> {
    let m = departments().await;
    for _ in 0..2 {
        m.manager()
            .create_history_table(
                department_history()
                    .bitemporal()
                    .recorded_by("recorded_by", ColumnType::Text),
            )
            .await?;
    }
    assert_eq!(
        m.columns("department_history").await[5..],
        [
            "recorded_from timestamp with time zone not null default",
            "recorded_to timestamp with time zone",
            "recorded_by text default",
        ]
    );
    m.run(
        "insert into department_history (department_id, name, valid_from, recorded_from, recorded_to) values
             (1, 'wrong', '2024-01-01Z', '2024-01-02Z', '2024-01-03Z'),
             (1, 'wrong again', '2024-01-01Z', '2024-01-03Z', '2024-01-04Z');
         insert into department_history (department_id, name, valid_from) values (1, 'right', '2024-01-01Z')",
    )
    .await;
    for (sql, code) in [
        (
            "insert into department_history (department_id, name, valid_from) values (1, 'x', '2024-01-01Z')",
            "23505",
        ),
        (
            "insert into department_history (department_id, name, valid_from) values (1, 'x', '2025-01-01Z')",
            "23505",
        ),
        (
            "insert into department_history (department_id, name, valid_from, valid_to) values (1, 'x', '2025-01-01Z', '2026-01-01Z')",
            "23P01",
        ),
        (
            "update department_history set recorded_to = recorded_from",
            "23514",
        ),
    ] {
        assert_eq!(m.refused(sql).await.code, code, "{sql}");
    }
    Ok(())
}

/// The indexes of a history that contain all of its versions.
const WHOLE: &str = "select indexrelid::regclass::text from pg_index
    where indrelid = 'department_history'::regclass and indpred is null order by 1";

#[tokio::test]
async fn read_as_known_at_a_time_uses_an_index() -> Result<(), DbErr> {
    let m = departments().await;
    let bitemporal = || department_history().bitemporal();
    let ours = ["department_history_known_idx", "department_history_pkey"];
    for _ in 0..2 {
        m.manager().create_history_table(bitemporal()).await?;
        assert_eq!(m.all::<String>(WHOLE).await, ours);
    }
    assert_eq!(
        m.indexes("department_history").await,
        [
            "key id",
            "department_id, tstzrange(valid_from, COALESCE(valid_to, 'infinity'::timestamp with time zone), '[)'::text)",
            "department_id, valid_from",
            "unique department_id",
            "unique department_id, valid_from",
        ]
        .map(str::to_owned)
        .as_slice(),
    );
    // Each department was corrected a thousand times.
    m.run(
        "insert into department_history (department_id, name, valid_from, recorded_from, recorded_to)
             select d, n::text, '2024-01-01Z'::timestamptz + n * interval '1 minute', '2024-01-01Z', '2024-02-01Z'
             from generate_series(1, 2) as d, generate_series(1, 1000) as n;
         analyze department_history",
    )
    .await;
    let plan = m
        .all::<String>(
            "explain select * from department_history
             where department_id = 1 and recorded_from <= '2024-01-15Z'
               and (recorded_to is null or recorded_to > '2024-01-15Z') and valid_from <= '2024-01-01 10:00Z'
             order by valid_from desc limit 1",
        )
        .await
        .join(" ");
    assert_mentions(&plan, &["department_history_known_idx"]);

    // The index is added if it is missing, and not if another index has these columns.
    m.run("drop index department_history_known_idx").await;
    m.manager().create_history_table(bitemporal()).await?;
    assert_eq!(m.all::<String>(WHOLE).await, ours);
    m.run(
        "drop index department_history_known_idx;
         create index other_index on department_history (department_id, valid_from, recorded_from)",
    )
    .await;
    m.manager().create_history_table(bitemporal()).await?;
    assert_eq!(
        m.all::<String>(WHOLE).await,
        ["department_history_pkey", "other_index"]
    );
    Ok(())
}

#[tokio::test]
async fn days_composite_identity_and_other_column_names() -> Result<(), DbErr> {
    let m = Migrated::with(
        r#"create schema "My Shop";
           create domain "My Shop".code as text;
           create table "My Shop"."Products" (tenant uuid, "the code" varchar(10) collate "C", primary key (tenant, "the code"))"#,
    )
    .await;
    let prices = HistoryTable::new(("My Shop", "Price History"))
        .identity_columns(["Tenant", "product's \"code\""], ("My Shop", "Products"))
        .key(pk_uuid("key"))
        .column(decimal("price"))
        .dates()
        .valid_from("since {valid_to}")
        .valid_to("until")
        .bitemporal_as("written", "replaced");
    for _ in 0..2 {
        m.manager().create_history_table(prices.clone()).await?;
    }
    assert_eq!(
        m.columns(r#""My Shop"."Price History""#).await,
        [
            "key uuid not null",
            "Tenant uuid not null",
            "product's \"code\" character varying(10) \"C\" not null",
            "price numeric not null",
            "since {valid_to} date not null",
            "until date",
            "written timestamp with time zone not null default",
            "replaced timestamp with time zone",
        ]
    );
    m.run(
        r#"insert into "My Shop"."Products" select gen_random_uuid(), 'a';
           insert into "My Shop"."Price History" select gen_random_uuid(), tenant, 'a', 1, '2024-01-01', '2024-01-02' from "My Shop"."Products";
           insert into "My Shop"."Price History" select gen_random_uuid(), tenant, 'a', 1, '2024-01-02' from "My Shop"."Products""#,
    )
    .await;
    assert_eq!(
        m.one::<String>("select range_type::text from archive.history_table")
            .await,
        "daterange"
    );
    m.manager()
        .drop_history_table(("My Shop", "Price History"))
        .await
}

#[tokio::test]
async fn long_table_names_get_different_constraint_names() -> Result<(), DbErr> {
    let m = departments().await;
    for n in 1..=2 {
        let name = format!("{}{n}", "t".repeat(60));
        for _ in 0..2 {
            m.manager()
                .create_history_table(
                    HistoryTable::new(name.clone()).identity("department_id", "departments"),
                )
                .await?;
        }
        assert_eq!(
            m.indexes(&name).await,
            [
                "key id",
                "department_id, tstzrange(valid_from, COALESCE(valid_to, 'infinity'::timestamp with time zone), '[)'::text)",
                "unique department_id",
                "unique department_id, valid_from"
            ]
        );
    }
    let too_long = HistoryTable::new("t".repeat(64)).identity("department_id", "departments");
    refused(m.manager().create_history_table(too_long).await);
    Ok(())
}

#[tokio::test]
async fn missing_install_identity_or_table_is_reported() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    m.run("create table departments (id serial primary key); create table rows (id int)")
        .await;
    let error = refused(m.manager().create_history_table(department_history()).await);
    assert_mentions(&error, &["not installed", "install_archive"]);
    m.manager().drop_history_table("department_history").await?;
    m.manager().install_archive().await?;
    for (history, expected) in [
        (HistoryTable::new("h"), ".identity("),
        (
            HistoryTable::new("h").identity("row_id", "rows"),
            "primary key of public.rows has 0",
        ),
        (
            HistoryTable::new("h").identity("row_id", "nothing"),
            "nothing",
        ),
        (
            HistoryTable::new("h").identity_columns(["a", "b"], "departments"),
            "(a, b)",
        ),
    ] {
        assert_mentions(
            &refused(m.manager().create_history_table(history).await),
            &[expected],
        );
    }
    assert!(!m.exists("h").await);
    let error = refused(m.manager().drop_history_table("departments").await);
    assert_mentions(&error, &["public.departments", "not registered"]);
    Ok(())
}

#[tokio::test]
async fn missing_right_to_create_the_extension_is_reported_with_the_statement_to_run()
-> Result<(), DbErr> {
    let m = departments().await;
    let role = m.database.role("migrator").await;
    m.run(&format!(
        "grant all on schema public, archive to \"{role}\"; alter table departments owner to \"{role}\";
         grant all on all tables in schema archive to \"{role}\"; grant all on all sequences in schema archive to \"{role}\""
    ))
    .await;
    let db = m.database.connect_as("migrator").await;
    let manager = SchemaManager::new(&db);
    let error = refused(manager.create_history_table(department_history()).await);
    assert_mentions(
        &error,
        &[
            "btree_gist",
            "permission denied",
            "CREATE EXTENSION btree_gist;",
            "administrator",
        ],
    );
    assert!(!m.exists("department_history").await);
    m.run("create extension btree_gist").await;
    manager.create_history_table(department_history()).await?;
    db.execute_unprepared(
        "insert into department_history (department_id, name, valid_from) values (1, 'a', now())",
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn view_on_a_history_blocks_its_drop() -> Result<(), DbErr> {
    let m = departments().await;
    m.manager()
        .create_history_table(department_history())
        .await?;
    m.run("create view names as select name from department_history")
        .await;
    let error = refused(m.manager().drop_history_table("department_history").await);
    assert_mentions(&error, &["public.department_history", "view public.names"]);
    assert_eq!(
        m.one::<i64>("select count(*) from archive.history_table")
            .await,
        1
    );
    Ok(())
}
