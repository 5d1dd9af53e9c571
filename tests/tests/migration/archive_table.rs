//! The columns, indexes and constraints of an archive table.

use sea_orm::{DbErr, TransactionTrait};
use sea_orm_archive_migration::{ArchiveSchema, ArchivedTable, ExistingTable};
use sea_orm_migration::prelude::*;

use crate::migration::database::{Migrated, assert_mentions, refused};

fn posts() -> TableCreateStatement {
    Table::create()
        .table("posts")
        .col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(
            ColumnDef::new("slug")
                .string_len(80)
                .not_null()
                .unique_key(),
        )
        .col(ColumnDef::new("body").text().default("nothing yet"))
        .to_owned()
}

#[tokio::test]
async fn archive_table_of_a_new_table_has_the_same_columns_and_three_more() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    m.manager().create_archived_table(posts()).await?;
    assert_eq!(
        m.columns("posts").await,
        [
            "id bigint not null identity",
            "slug character varying(80) not null",
            "body text default",
        ]
    );
    assert_eq!(
        m.columns("deleted_posts").await,
        [
            "id bigint not null",
            "slug character varying(80) not null",
            "body text",
            "deleted_at timestamp with time zone not null",
            "deleted_by bigint",
            "archival_id bigint not null",
        ]
    );
    assert_eq!(
        m.indexes("deleted_posts").await,
        ["key id", "archival_id", "deleted_at"]
    );
    Ok(())
}

#[tokio::test]
async fn archive_table_is_registered_with_the_names_of_its_columns() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let invoices = ArchivedTable::new(
        Table::create()
            .table("invoices")
            .col(ColumnDef::new("id").uuid().not_null().primary_key())
            .col(ColumnDef::new("deleted_at").date()),
    )
    .archive_table("invoice_archive")
    .deleted_by(ColumnType::Uuid)
    .deleted_at_column("removed_at")
    .deleted_by_column("removed_by")
    .archival_id_column("removed_with");
    m.manager().create_archived_table(invoices.clone()).await?;
    m.manager().create_archived_table(invoices).await?;
    assert_eq!(
        m.columns("invoice_archive").await,
        [
            "id uuid not null",
            "deleted_at date",
            "removed_at timestamp with time zone not null",
            "removed_by uuid",
            "removed_with bigint not null",
        ]
    );
    assert_eq!(
        m.all::<String>("select concat_ws(' ', active, archive_table, deleted_at_column, deleted_by_column, archival_id_column)
                         from archive.archived_table")
            .await,
        ["invoices invoice_archive removed_at removed_by removed_with"]
    );
    Ok(())
}

#[tokio::test]
async fn deleted_by_may_have_a_domain_or_a_type_with_a_length() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table a (id int primary key); create table b (id int primary key); create domain account as text;",
    )
    .await;
    for _ in 0..2 {
        m.manager()
            .archive_existing_table(
                ExistingTable::new("a").deleted_by(ColumnType::custom("account")),
            )
            .await?;
        m.manager()
            .archive_existing_table(
                ExistingTable::new("b").deleted_by(ColumnType::string(Some(40))),
            )
            .await?;
    }
    assert_eq!(m.columns("deleted_a").await[2], "deleted_by account");
    assert_eq!(
        m.columns("deleted_b").await[2],
        "deleted_by character varying(40)"
    );
    let other = m
        .manager()
        .archive_existing_table(ExistingTable::new("a").deleted_by(ColumnType::Uuid))
        .await;
    assert_mentions(&refused(other), &["deleted_a", "deleted_by", "uuid"]);
    Ok(())
}

#[tokio::test]
async fn archive_table_has_no_defaults_constraints_identity_or_generated_columns()
-> Result<(), DbErr> {
    let m = Migrated::with(
        r#"create table authors (id int primary key);
           create table posts (
               id bigint generated always as identity primary key,
               author_id int not null references authors on delete cascade,
               title text collate "C" not null check (title <> ''),
               shout text generated always as (upper(title)) stored not null,
               slug text unique,
               price numeric(10, 2) default 1,
               tags text[] not null default '{}',
               during tstzrange,
               exclude using gist (during with &&)
           );
           create unique index on posts (lower(title));"#,
    )
    .await;
    for _ in 0..2 {
        m.manager().archive_existing_table("posts").await?;
    }
    assert_eq!(
        m.columns("deleted_posts").await[..8],
        [
            "id bigint not null",
            "author_id integer not null",
            "title text \"C\" not null",
            "shout text not null",
            "slug text",
            "price numeric(10,2)",
            "tags text[] not null",
            "during tstzrange",
        ]
    );
    assert_eq!(
        m.indexes("deleted_posts").await,
        ["key id", "archival_id", "author_id", "deleted_at"]
    );
    let constraints: i64 = m
        .one("select count(*) from pg_constraint where conrelid = 'deleted_posts'::regclass and contype in ('c', 'f', 'u', 'x')")
        .await;
    assert_eq!(constraints, 0);
    m.run(
        "insert into deleted_posts (id, author_id, title, shout, slug, tags, deleted_at, archival_id)
         values (1, 9, '', 'X', 's', '{}', now(), 1), (2, 9, '', 'X', 's', '{}', now(), 1)",
    )
    .await;
    Ok(())
}

#[tokio::test]
async fn dropped_columns_are_not_in_the_archive_table() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table t (dropped int, id int primary key, also_dropped int, b text);
         alter table t drop dropped, drop also_dropped",
    )
    .await;
    m.manager().archive_existing_table("t").await?;
    assert_eq!(
        m.columns("deleted_t").await[..2],
        ["id integer not null", "b text"]
    );
    Ok(())
}

#[tokio::test]
async fn composite_key_has_the_same_order_and_is_the_index_of_a_foreign_key_that_it_begins_with()
-> Result<(), DbErr> {
    let m = Migrated::with(
        "create table posts (tenant int, id int, primary key (tenant, id));
         create table tags (id int primary key);
         create table post_tags (
             tag_id int references tags, post_id int, tenant int,
             primary key (tenant, post_id, tag_id),
             foreign key (tenant, post_id) references posts
         )",
    )
    .await;
    m.manager().archive_existing_table("post_tags").await?;
    assert_eq!(
        m.indexes("deleted_post_tags").await,
        [
            "key tenant, post_id, tag_id",
            "archival_id",
            "deleted_at",
            "tag_id"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn archive_table_of_a_partitioned_table_is_not_partitioned() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table events (id bigint, at date, what text, primary key (id, at)) partition by range (at);
         create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01')",
    )
    .await;
    for _ in 0..2 {
        m.manager().archive_existing_table("events").await?;
    }
    let kind: String = m
        .one("select relkind::text from pg_class where oid = 'deleted_events'::regclass")
        .await;
    assert_eq!(kind, "r");
    assert_eq!(
        m.indexes("deleted_events").await,
        ["key id, at", "archival_id", "deleted_at"]
    );
    let error = refused(m.manager().archive_existing_table("events_2025").await);
    assert_mentions(
        &error,
        &[
            "public.events_2025",
            "partition",
            "archive the partitioned table",
        ],
    );
    Ok(())
}

#[tokio::test]
async fn table_without_a_key_inherited_table_or_view_is_refused() {
    let m = Migrated::with(
        "create table keyless (id int);
         create table parent (id int primary key);
         create table heir () inherits (parent);
         create table clash (id int primary key, archival_id int);
         create view seen as select 1 as id;",
    )
    .await;
    for (table, expected) in [
        ("keyless", ["public.keyless", "no primary key"]),
        ("parent", ["public.parent", "inherit"]),
        ("clash", ["\"archival_id\"", ".archival_id_column(..)"]),
        ("seen", ["public.seen", "not a table"]),
        ("missing", ["missing", "there is no table"]),
    ] {
        let error = refused(m.manager().archive_existing_table(table).await);
        assert_mentions(&error, &expected);
        assert!(!m.exists(&format!("deleted_{table}")).await);
    }
    let error = refused(
        m.manager()
            .archive_existing_table(("archive", "archival"))
            .await,
    );
    assert_mentions(
        &error,
        &["archive.archival", "not a table of the application"],
    );
    let query = m
        .manager()
        .archive_existing_table(TableRef::SubQuery(Box::default(), "q".into_iden()))
        .await;
    assert_mentions(&refused(query), &["named by its name"]);
    assert_eq!(
        m.one::<i64>("select count(*) from archive.archived_table")
            .await,
        0
    );
}

#[tokio::test]
async fn archive_table_of_an_archive_table_is_refused() -> Result<(), DbErr> {
    let m = Migrated::with("create table t (id int primary key)").await;
    m.manager().archive_existing_table("t").await?;
    let error = refused(
        m.manager()
            .archive_existing_table(ExistingTable::new("deleted_t").archival_id_column("a"))
            .await,
    );
    assert_mentions(
        &error,
        &[
            "public.deleted_t",
            "is itself the archive table of public.t",
        ],
    );
    Ok(())
}

#[tokio::test]
async fn existing_table_that_does_not_fit_is_refused_and_not_changed() {
    let m = Migrated::with(
        "create table a (id int primary key, n int not null, x text, parent int);
         create table deleted_a (
             id bigint primary key, n int generated by default as identity, other text, parent int references a,
             deleted_at timestamptz not null, deleted_by bigint, archival_id bigint not null)",
    )
    .await;
    let before = m.columns("deleted_a").await;
    let error = refused(m.manager().archive_existing_table("a").await);
    assert_mentions(
        &error,
        &[
            "public.deleted_a",
            "lacks the column \"x\" text",
            "has a column \"other\"",
            "\"id\" is bigint and not integer",
            "\"n\" is generated or an identity",
            "foreign key \"deleted_a_parent_fkey\"",
            ".archive_table(",
        ],
    );
    assert_eq!(m.columns("deleted_a").await, before);
    assert_eq!(
        m.one::<i64>("select count(*) from archive.archived_table")
            .await,
        0
    );
}

#[tokio::test]
async fn new_table_is_not_created_if_its_archive_table_is_refused() {
    let m = Migrated::with("create table deleted_posts (id int primary key)").await;
    let error = refused(m.manager().create_archived_table(posts()).await);
    assert_mentions(&error, &["public.deleted_posts"]);
    assert!(!m.exists("posts").await);
}

#[tokio::test]
async fn existing_archive_table_that_fits_is_adopted_with_its_rows() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table a (id int primary key, n int);
         create table deleted_a (
             deleted_at timestamptz not null, archival_id bigint not null, deleted_by bigint,
             n int, id int primary key);
         insert into deleted_a values (now(), 1, null, 2, 3)",
    )
    .await;
    m.manager().archive_existing_table("a").await?;
    assert_eq!(m.one::<i64>("select count(*) from deleted_a").await, 1);
    assert_eq!(
        m.indexes("deleted_a").await,
        ["key id", "archival_id", "deleted_at"]
    );
    Ok(())
}

#[tokio::test]
async fn existing_archive_table_with_a_unique_index_is_refused() {
    let m = Migrated::with(
        "create table a (id int primary key, slug text unique);
         create table deleted_a (
             id int primary key, slug text unique,
             deleted_at timestamptz not null, deleted_by bigint, archival_id bigint not null)",
    )
    .await;
    let error = refused(m.manager().archive_existing_table("a").await);
    assert_mentions(&error, &["unique index deleted_a_slug_key", "rename it"]);
}

#[tokio::test]
async fn two_tables_with_one_archive_table_are_refused() -> Result<(), DbErr> {
    let m =
        Migrated::with("create table a (id int primary key); create table b (id int primary key)")
            .await;
    m.manager().archive_existing_table("a").await?;
    let shared = ExistingTable::new("b").archive_table("deleted_a");
    let error = refused(m.manager().archive_existing_table(shared).await);
    assert_mentions(
        &error,
        &[
            "public.deleted_a is the archive table of public.a",
            "public.b",
        ],
    );
    let renamed = ExistingTable::new("a").archive_table("removed_a");
    let error = refused(m.manager().archive_existing_table(renamed).await);
    assert_mentions(
        &error,
        &[
            "public.a already has the archive table public.deleted_a",
            "\"removed_a\"",
        ],
    );
    Ok(())
}

#[tokio::test]
async fn failed_helper_leaves_the_transaction_usable() -> Result<(), DbErr> {
    let m = Migrated::with("create table keyless (id int)").await;
    let transaction = m.db.begin().await?;
    let manager = SchemaManager::new(&transaction);
    refused(manager.archive_existing_table("keyless").await);
    manager.create_archived_table(posts()).await?;
    transaction.commit().await?;
    assert!(m.exists("deleted_posts").await);
    Ok(())
}

#[tokio::test]
async fn helpers_reset_the_settings_of_the_session() -> Result<(), DbErr> {
    let m = Migrated::with("create schema shop; create table shop.t (id int primary key)").await;
    let transaction = m.db.begin().await?;
    transaction
        .execute_unprepared("set local search_path = shop; set local row_security = on")
        .await?;
    let manager = SchemaManager::new(&transaction);
    manager.archive_existing_table("t").await?;
    manager.sync_archived_table("t").await?;
    for (setting, value) in [("search_path", "shop"), ("row_security", "on")] {
        let sql = format!("select current_setting('{setting}') as value");
        let row = transaction
            .query_one_raw(sea_orm::Statement::from_string(
                sea_orm::DbBackend::Postgres,
                sql,
            ))
            .await?
            .unwrap();
        assert_eq!(row.try_get::<String>("", "value")?, value);
    }
    transaction.commit().await?;
    assert!(m.exists("shop.deleted_t").await);
    Ok(())
}
