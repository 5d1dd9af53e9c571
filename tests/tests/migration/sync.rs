//! `sync_archived_table` applies changes of a table with plain SQL to its archive table.

use sea_orm::DbErr;
use sea_orm_archive_migration::ArchiveSchema;

use crate::migration::database::{Migrated, assert_mentions, refused};

/// A table with one archived row, after `change` altered the table with plain SQL.
async fn changed(columns: &str, change: &str) -> Result<Migrated, DbErr> {
    let m = Migrated::with(&format!("create table t (id int primary key, {columns})")).await;
    m.manager().archive_existing_table("t").await?;
    m.run("insert into deleted_t (id, deleted_at, archival_id) values (1, now(), 1)")
        .await;
    m.run(change).await;
    Ok(m)
}

async fn sync(m: &Migrated) -> Result<(), DbErr> {
    m.manager().sync_archived_table("t").await?;
    m.manager().sync_archived_table("t").await?;
    // The archive table now fits as if it were created again.
    m.manager().archive_existing_table("t").await
}

#[tokio::test]
async fn sync_of_equal_tables_changes_nothing() -> Result<(), DbErr> {
    let m = changed("n int", "select 1").await?;
    let before = m.columns("deleted_t").await;
    let catalog_row = "select xmin::text from pg_class where oid = 'deleted_t'::regclass";
    let unchanged: String = m.one(catalog_row).await;
    sync(&m).await?;
    assert_eq!(m.columns("deleted_t").await, before);
    assert_eq!(m.one::<String>(catalog_row).await, unchanged);
    Ok(())
}

#[tokio::test]
async fn new_columns_are_filled_as_in_their_table() -> Result<(), DbErr> {
    let m = changed(
        "n int",
        r#"create schema other;
           create function other.answer() returns int language sql immutable as 'select 42';
           create type other.mood as enum ('good', 'bad');
           create collation other.german (provider = icu, locale = 'de');
           alter table t
               add a int not null default other.answer(),
               add "B" other.mood[] default array['good'::other.mood],
               add c varchar(5) collate other.german,
               add d int generated always as (id * 2) stored not null,
               add e bigint generated always as identity,
               add f timestamptz(3) not null default now()"#,
    )
    .await?;
    sync(&m).await?;
    assert_eq!(
        m.columns("deleted_t").await[5..],
        [
            "a integer not null",
            "B other.mood[]",
            "c character varying(5) other.german",
            "e bigint not null",
            "f timestamp(3) with time zone not null",
            "d integer not null",
        ]
    );
    assert_eq!(
        m.one::<String>(r#"select concat_ws(' ', a, "B", c, d, e) from deleted_t"#)
            .await,
        "42 {good} 2 1"
    );
    Ok(())
}

#[tokio::test]
async fn new_not_null_column_without_a_default_is_refused_until_it_is_filled() -> Result<(), DbErr>
{
    let m = changed("n int", "alter table t add must int not null").await?;
    let error = refused(sync(&m).await);
    assert_mentions(
        &error,
        &[
            "public.t",
            "\"must\"",
            "1 rows of public.deleted_t",
            "default",
        ],
    );
    m.run("alter table deleted_t add must int not null default 3")
        .await;
    sync(&m).await?;
    assert_eq!(m.columns("deleted_t").await[5], "must integer not null");
    assert_eq!(m.one::<i32>("select must from deleted_t").await, 3);
    Ok(())
}

#[tokio::test]
async fn type_collation_and_not_null_are_synchronised() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table t (id int primary key, n int, x text not null, y text collate \"C\")",
    )
    .await;
    m.manager().archive_existing_table("t").await?;
    m.run("insert into deleted_t values (1, 5, 'x', 'y', now(), null, 1)")
        .await;
    m.run(
        "alter table t alter n type numeric(8, 2), alter n set not null, alter x drop not null,
                       alter y type varchar(9) collate \"POSIX\"",
    )
    .await;
    sync(&m).await?;
    assert_eq!(
        m.columns("deleted_t").await[1..4],
        [
            "n numeric(8,2) not null",
            "x text",
            "y character varying(9) \"POSIX\"",
        ]
    );
    assert_eq!(
        m.one::<String>("select concat_ws(' ', n, x, y) from deleted_t")
            .await,
        "5.00 x y"
    );
    Ok(())
}

#[tokio::test]
async fn not_null_is_refused_if_archived_rows_have_null() -> Result<(), DbErr> {
    let m = changed("n int", "alter table t alter n set not null").await?;
    let error = refused(sync(&m).await);
    assert_mentions(
        &error,
        &["\"n\"", "public.t", "1 rows of public.deleted_t", "fill"],
    );
    m.run("update deleted_t set n = 0").await;
    sync(&m).await
}

#[tokio::test]
async fn type_that_archived_rows_do_not_convert_to_is_refused() -> Result<(), DbErr> {
    let m = changed("n text", "alter table t alter n type int using n::int").await?;
    let error = refused(sync(&m).await);
    assert_mentions(
        &error,
        &["\"n\"", "public.t", "public.deleted_t", "integer", "USING"],
    );
    m.run("alter table deleted_t alter n type int using n::int")
        .await;
    sync(&m).await
}

#[tokio::test]
async fn dropped_column_is_dropped_only_if_it_is_empty_in_archived_rows() -> Result<(), DbErr> {
    let m = changed("n int, filled int", "alter table t drop n, drop filled").await?;
    m.run("update deleted_t set filled = 1").await;
    let error = refused(sync(&m).await);
    assert_mentions(
        &error,
        &[
            "public.t",
            "\"filled\"",
            "1 rows of public.deleted_t",
            "lose",
        ],
    );
    assert_eq!(m.columns("deleted_t").await.len(), 6);
    m.run("update deleted_t set filled = null").await;
    sync(&m).await?;
    assert_eq!(m.columns("deleted_t").await.len(), 4);
    Ok(())
}

#[tokio::test]
async fn new_column_with_the_name_of_an_archive_column_is_refused() -> Result<(), DbErr> {
    let m = changed(
        "n int",
        "alter table t add deleted_at timestamptz not null default now()",
    )
    .await?;
    assert_mentions(
        &refused(sync(&m).await),
        &["public.t", "\"deleted_at\"", "public.deleted_t"],
    );
    Ok(())
}

#[tokio::test]
async fn primary_key_and_indexes_of_foreign_keys_are_synchronised() -> Result<(), DbErr> {
    let m = changed(
        "n int",
        "create table users (id int primary key);
         alter table t drop constraint t_pkey, alter n set not null, add primary key (n, id),
                       add owner int references users",
    )
    .await?;
    m.run("update deleted_t set n = 1").await;
    sync(&m).await?;
    assert_eq!(
        m.indexes("deleted_t").await,
        ["key n, id", "archival_id", "deleted_at", "owner"]
    );
    Ok(())
}

#[tokio::test]
async fn identity_defaults_and_foreign_keys_of_the_archive_table_are_dropped() -> Result<(), DbErr>
{
    let m = changed(
        "n int",
        "create table users (id int primary key);
         alter table deleted_t alter id add generated always as identity, alter n set default 9,
                               add foreign key (n) references users, alter deleted_at set default now();
         drop index deleted_t_archival_id_idx",
    )
    .await?;
    sync(&m).await?;
    assert_eq!(
        m.columns("deleted_t").await,
        [
            "id integer not null",
            "n integer",
            "deleted_at timestamp with time zone not null default",
            "deleted_by bigint",
            "archival_id bigint not null",
        ]
    );
    assert_eq!(
        m.indexes("deleted_t").await,
        ["key id", "archival_id", "deleted_at"]
    );
    Ok(())
}

#[tokio::test]
async fn renamed_and_moved_archive_table_is_still_synchronised() -> Result<(), DbErr> {
    let m = changed(
        "n int",
        "create schema attic; alter table deleted_t set schema attic; alter table attic.deleted_t rename to old;
         alter table t rename to u; alter table u add y int",
    )
    .await?;
    m.manager().sync_archived_table("u").await?;
    assert!(
        m.columns("attic.old")
            .await
            .contains(&"y integer".to_owned())
    );
    Ok(())
}

#[tokio::test]
async fn table_without_an_archive_table_is_refused() {
    let m = Migrated::with("create table t (id int primary key)").await;
    let error = refused(m.manager().sync_archived_table("t").await);
    assert_mentions(
        &error,
        &["public.t has no archive table", "archive_existing_table"],
    );
}

/// For a composite value with one NULL field IS NOT NULL is false, but dropping it would lose a value.
#[tokio::test]
async fn column_with_a_partly_null_composite_value_is_not_dropped() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create type pair as (a int, b int); create table t (id int primary key, p pair)",
    )
    .await;
    m.manager().archive_existing_table("t").await?;
    m.run(
        "insert into deleted_t values (1, row(1, null), now(), null, 1); alter table t drop column p",
    )
    .await;
    let error = refused(m.manager().sync_archived_table("t").await);
    assert_mentions(&error, &["\"p\"", "1 rows of public.deleted_t"]);
    Ok(())
}
