//! Names that need quoting, and long names.

use sea_orm::DbErr;
use sea_orm_archive_migration::{ArchiveSchema, ArchivedTable, ExistingTable};
use sea_orm_migration::prelude::*;

use crate::migration::database::{Migrated, assert_mentions, refused};

fn table(name: &str, column: &str) -> TableCreateStatement {
    Table::create()
        .table(name.to_owned())
        .col(
            ColumnDef::new(column.to_owned())
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .to_owned()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[tokio::test]
async fn every_helper_quotes_names() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let manager = m.manager();
    for (name, column) in [
        ("Posts", "Id"),
        ("order", "user"),
        ("we\"ird", "co\"l"),
        ("it's", "o'clock"),
        ("Beiträge", "Schlüssel"),
        ("文章", "编号"),
        ("with space", "a.b"),
        ("back\\slash", "%I %L"),
        ("$1", "{role}"),
    ] {
        for _ in 0..2 {
            manager.create_archived_table(table(name, column)).await?;
        }
        let key = quoted(column);
        let active = quoted(name);
        let archive_table = quoted(&format!("deleted_{name}"));
        m.run(&format!(
            "insert into {archive_table} ({key}, deleted_at, archival_id) values (41, now(), 1)"
        ))
        .await;
        manager.reset_id_sequence(name.to_owned()).await?;
        let next: i64 = m
            .one(&format!(
                "insert into {active} default values returning {key}"
            ))
            .await;
        assert_eq!(next, 42, "{name}");
        let more = ColumnDef::new(format!("more {column}"))
            .text()
            .not_null()
            .default("it's")
            .to_owned();
        manager
            .alter_archived_table(Table::alter().table(name.to_owned()).add_column(more))
            .await?;
        manager
            .alter_archived_table(
                Table::alter()
                    .table(name.to_owned())
                    .rename_column(column.to_owned(), format!("new {column}")),
            )
            .await?;
        manager.sync_archived_table(name.to_owned()).await?;
        let archived: i64 = m
            .one(&format!(
                "select {} from {archive_table}",
                quoted(&format!("new {column}"))
            ))
            .await;
        assert_eq!(archived, 41, "{name}");
        refused(manager.unarchive_existing_table(name.to_owned()).await);
        m.run(&format!("delete from {archive_table}")).await;
        manager.unarchive_existing_table(name.to_owned()).await?;
        manager.archive_existing_table(name.to_owned()).await?;
        manager.drop_archived_table(name.to_owned()).await?;
    }
    assert_eq!(
        m.one::<i64>("select count(*) from pg_class where relnamespace = 'public'::regnamespace")
            .await,
        0
    );
    Ok(())
}

#[tokio::test]
async fn archive_table_is_created_in_the_schema_of_its_table() -> Result<(), DbErr> {
    let m = Migrated::with(
        r#"create schema "My Shop"; create schema other;
           create table "My Shop".orders (id int primary key);
           create table other.orders (id int primary key)"#,
    )
    .await;
    let manager = m.manager();
    for _ in 0..2 {
        manager
            .archive_existing_table(("My Shop", "orders"))
            .await?;
        manager.archive_existing_table(("other", "orders")).await?;
    }
    assert!(m.exists(r#""My Shop".deleted_orders"#).await);
    assert!(m.exists("other.deleted_orders").await);
    manager
        .alter_archived_table(
            Table::alter()
                .table(("My Shop", "orders"))
                .add_column(ColumnDef::new("total").integer()),
        )
        .await?;
    manager.drop_archived_table(("other", "orders")).await?;
    assert!(
        m.columns(r#""My Shop".deleted_orders"#)
            .await
            .contains(&"total integer".to_owned())
    );
    assert!(!m.exists("other.deleted_orders").await);
    Ok(())
}

#[tokio::test]
async fn names_longer_than_63_bytes_are_refused() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let manager = m.manager();
    let fits = format!("{}é", "x".repeat(53));
    for _ in 0..2 {
        manager.create_archived_table(table(&fits, "id")).await?;
    }
    assert!(m.exists(&format!("deleted_{fits}")).await);

    let too_long = format!("{}é", "x".repeat(54));
    let error = refused(manager.create_archived_table(table(&too_long, "id")).await);
    assert_mentions(&error, &[&too_long, "64 bytes", ".archive_table("]);
    assert!(!m.exists(&too_long).await);
    let named = ArchivedTable::new(table(&too_long, "id")).archive_table("y".repeat(63));
    for _ in 0..2 {
        manager.create_archived_table(named.clone()).await?;
    }
    assert_eq!(
        m.indexes(&"y".repeat(63)).await,
        ["key id", "archival_id", "deleted_at"]
    );

    let names = [
        ExistingTable::new("x".repeat(64)),
        ExistingTable::new(fits.clone()).archive_table("y".repeat(64)),
        ExistingTable::new(fits.clone()).deleted_at_column("y".repeat(64)),
        ExistingTable::new(fits.clone())
            .archive_table("")
            .deleted_by_column(""),
    ];
    for name in names {
        refused(manager.archive_existing_table(name).await);
    }
    Ok(())
}

#[tokio::test]
async fn long_names_with_the_same_prefix_get_different_index_names() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let column = |n: u8| format!("{}{n}", "c".repeat(60));
    m.run(&format!(
        "create table p (id int primary key);
         create table {0}1 (id int primary key, {1} int references p, {2} int references p);
         create table {0}2 (id int primary key, {1} int references p, {2} int references p)",
        "t".repeat(54),
        column(1),
        column(2),
    ))
    .await;
    for n in 1..=2 {
        let name = format!("{}{n}", "t".repeat(54));
        for _ in 0..2 {
            m.manager().archive_existing_table(name.clone()).await?;
        }
        assert_eq!(
            m.indexes(&format!("deleted_{name}")).await,
            [
                "key id",
                "archival_id",
                &column(1),
                &column(2),
                "deleted_at"
            ]
        );
    }
    Ok(())
}
