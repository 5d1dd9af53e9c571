//! The columns that `stamp_table` creates, uses and refuses.

use sea_orm_archive_migration::{ArchiveSchema, ExistingTable, StampSchema, StampedTable};
use sea_orm_migration::prelude::*;

use crate::stamps::database::{Stamped, all, assert_refused};

/// The columns of a table, described as in psql.
async fn columns(m: &Stamped, table: &str) -> Vec<String> {
    all(
        &m.db,
        &format!(
            "select concat_ws(' ', attname, format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
                              pg_get_expr(adbin, adrelid))
             from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
             where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped order by attnum"
        ),
    )
    .await
}

#[tokio::test]
async fn stamp_columns_are_added_to_the_table_and_its_archive_table() {
    let m =
        Stamped::tables("create table t (id int primary key); insert into t values (1), (2)").await;
    let manager = m.manager();
    manager.archive_existing_table("t").await.unwrap();
    m.run("insert into deleted_t values (9, now(), 1, 1)").await;
    // Existing rows are not stamped with the actor of the migration.
    for _ in 0..2 {
        m.run("select set_config('app.current_user', '5', false) from generate_series(1, 8)")
            .await;
        manager.stamp_table("t").await.unwrap();
    }
    assert_eq!(
        columns(&m, "t").await,
        [
            "id integer not null",
            "created_at timestamp with time zone not null now()",
            "created_by bigint archive.actor_as(NULL::bigint)",
            "updated_at timestamp with time zone not null now()",
            "updated_by bigint archive.actor_as(NULL::bigint)",
        ]
    );
    assert_eq!(
        columns(&m, "deleted_t").await[4..],
        [
            "created_at timestamp with time zone not null",
            "created_by bigint",
            "updated_at timestamp with time zone not null",
            "updated_by bigint",
        ]
    );
    assert_eq!(
        m.one("select count(*)::text from (select created_by, updated_by from t union all select created_by, updated_by from deleted_t) as x
               where created_by is null and updated_by is null")
            .await,
        "3"
    );
    assert_eq!(
        m.one("select count(*)::text from pg_trigger where tgrelid = 't'::regclass")
            .await,
        "1"
    );
}

#[tokio::test]
async fn existing_columns_are_used_unchanged() {
    let m = Stamped::tables(
        "create table t (id int primary key, created_at timestamptz(0), updated_by text default 'import',
                         updated_at timestamptz not null default '2000-01-01Z'::timestamptz);
         insert into t (id) values (1)",
    )
    .await;
    let text = StampedTable::new("t").by(ColumnType::Text);
    m.manager().stamp_table(text).await.unwrap();
    let found = columns(&m, "t").await;
    assert_eq!(found[1], "created_at timestamp(0) with time zone now()");
    assert_eq!(found[2], "updated_by text 'import'::text");
    assert!(found[3].contains("2000-01-01"), "{}", found[3]);
    assert_eq!(found[4], "created_by text archive.actor_as(NULL::text)");
    assert_eq!(
        m.one("select concat(created_at is null, updated_by, created_by is null) from t")
            .await,
        "timportt"
    );
}

#[tokio::test]
async fn dropped_stamp_column_is_added_again() {
    let m = Stamped::posts().await;
    m.run("alter table posts drop column updated_by, add column body text")
        .await;
    m.manager().stamp_table("posts").await.unwrap();
    m.write_as(8, "update posts set body = 'x' where id = 1")
        .await;
    assert_eq!(m.by(1).await, "- 8");
}

#[tokio::test]
async fn names_of_tables_and_columns_are_quoted() {
    let long = "ä".repeat(31) + "x";
    let m = Stamped::tables("create schema \"Shop $archive$\"").await;
    m.run(&format!(
        "create table \"Shop $archive$\".\"{long}\" (\"we\"\"ird\" int, \"{{preserve}}\" text, primary key (\"we\"\"ird\", \"{{preserve}}\"));
         create table \"select\" (id int primary key, \"New\" int)"
    ))
    .await;
    let manager = m.manager();
    let odd = StampedTable::new(("Shop $archive$", long.clone()))
        .created_at_column("$archive$")
        .created_by_column("{stamp} \\ 'x'")
        .updated_at_column("up\"dated")
        .updated_by_column("Ö".repeat(31) + "x");
    for _ in 0..2 {
        manager.stamp_table(odd.clone()).await.unwrap();
    }
    manager.stamp_table("select").await.unwrap();
    manager
        .archive_existing_table(
            ExistingTable::new(("Shop $archive$", long.clone())).archive_table("archive_table"),
        )
        .await
        .unwrap();
    m.grant("\"Shop $archive$\"").await;
    m.grant("public").await;
    let name = format!("\"Shop $archive$\".\"{long}\"");
    m.write_as(
        7,
        &format!("insert into {name} values (1, 'k'); insert into \"select\" values (1, 1)"),
    )
    .await;
    m.write_as(
        8,
        &format!("update {name} set \"we\"\"ird\" = 2, \"{{stamp}} \\ 'x'\" = 99; update \"select\" set \"New\" = 2"),
    )
    .await;
    assert_eq!(
        m.one(&format!(
            "select concat(\"{{stamp}} \\ 'x'\", ' ', \"{}x\", ' ', \"up\"\"dated\" > \"$archive$\") from {name}",
            "Ö".repeat(31)
        ))
        .await,
        "7 8 t"
    );
    assert_eq!(
        m.one("select concat(created_by, ' ', updated_by) from \"select\"")
            .await,
        "7 8"
    );
    assert_refused(
        m.try_as("alice", &format!("update {name} set \"we\"\"ird\" = 3"))
            .await,
        &["\"alice\"", &long],
    );
    for _ in 0..2 {
        manager
            .unstamp_table(("Shop $archive$", long.clone()))
            .await
            .unwrap();
    }
    assert_refused(
        manager
            .stamp_table(StampedTable::new("select").created_at_column("ä".repeat(32)))
            .await,
        &["64 bytes"],
    );
}

#[tokio::test]
async fn tables_of_one_name_in_two_schemas_have_separate_functions() {
    let m = Stamped::tables(
        "create schema other; create table t (id int primary key, x int); create table other.t (id int primary key, x int)",
    )
    .await;
    let manager = m.manager();
    manager.stamp_table("t").await.unwrap();
    let times = StampedTable::new(("other", "t")).updated_by_column("editor");
    manager.stamp_table(times).await.unwrap();
    manager.unstamp_table("t").await.unwrap();
    m.grant("other").await;
    m.write_as(
        8,
        "insert into other.t values (1, 1); update other.t set x = 2",
    )
    .await;
    assert_eq!(m.one("select editor::text from other.t").await, "8");
}

#[tokio::test]
async fn columns_and_tables_that_cannot_be_stamped_are_refused() {
    let m = Stamped::tables(
        "create table a (id int primary key, created_at timestamp);
         create table b (id int primary key, updated_at date);
         create table c (id int primary key, created_by int);
         create table d (id int primary key, created_by bigint generated always as identity);
         create table e (id int, updated_by bigint, primary key (id, updated_by));
         create table f (id int primary key);
         create function f() returns trigger language plpgsql as 'begin return new; end';
         create trigger zz_stamp before update on f for each row execute function f();
         create table g (id int primary key); create table h () inherits (g);
         create view i as select 1 as id",
    )
    .await;
    let manager = m.manager();
    for (table, parts) in [
        (
            "a",
            &[
                "public.a.\"created_at\" is timestamp",
                "TYPE timestamptz USING",
            ][..],
        ),
        ("b", &["public.b.\"updated_at\" is date"]),
        (
            "c",
            &["public.c.\"created_by\" is integer", "bigint", ".by("],
        ),
        ("d", &["generated by the database"]),
        ("e", &["part of the primary key"]),
        ("f", &["has a trigger zz_stamp"]),
        ("g", &["inherit"]),
        ("i", &["not a table"]),
        ("nothing", &["there is no table"]),
    ] {
        assert_refused(manager.stamp_table(table).await, parts);
    }
    assert_eq!(m.traces().await, Vec::<String>::new());
    assert_eq!(columns(&m, "f").await.len(), 1);
    manager
        .stamp_table(StampedTable::new("c").by(ColumnType::Integer))
        .await
        .unwrap();
}

#[tokio::test]
async fn other_stamp_columns_and_archive_tables_are_refused() {
    let m = Stamped::posts().await;
    let manager = m.manager();
    assert_refused(
        manager
            .stamp_table(StampedTable::new("posts").without_created_by())
            .await,
        &["public.posts is stamped in", "unstamp_table"],
    );
    m.run("create table t (id int primary key)").await;
    manager.archive_existing_table("t").await.unwrap();
    assert_refused(
        manager.stamp_table("deleted_t").await,
        &["public.deleted_t is the archive table of public.t"],
    );
    assert_refused(
        manager
            .stamp_table(StampedTable::new("t").updated_at_column("deleted_at"))
            .await,
        &["\"deleted_at\"", "archive table"],
    );
    assert_eq!(columns(&m, "t").await.len(), 1);
    manager.unstamp_table("posts").await.unwrap();
    manager.uninstall_archive().await.unwrap();
    assert_refused(manager.stamp_table("t").await, &["not installed"]);
}
