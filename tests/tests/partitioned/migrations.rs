//! The helpers of migrations on partitioned archive tables.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{
    ArchiveSchema, ArchivedTable, ExistingTable, Tenancy, TenancySchema,
};
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{count, run, texts};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::*;

use super::library::{archived, empty, library, next_archival, partitions, shelf};

#[tokio::test]
async fn new_table_is_created_with_a_partitioned_archive_table() {
    let (_database, db) = empty().await;
    let manager = SchemaManager::new(&db);
    let notes = || {
        let table = Table::create()
            .table("notes")
            .col(ColumnDef::new("id").big_integer().not_null().primary_key())
            .to_owned();
        ArchivedTable::new(table)
            .partitioned_by_archivals(1000)
            .deleted_by(ColumnType::Text)
    };
    manager.create_archived_table(notes()).await.unwrap();
    manager.create_archived_table(notes()).await.unwrap();
    let columns = "select attname::text from pg_attribute where attrelid = 'deleted_notes'::regclass and attnum > 0 order by attnum";
    assert_eq!(
        texts(&db, columns).await,
        ["id", "deleted_at", "deleted_by", "archival_id"]
    );
    assert_eq!(partitions(&db).await.len(), 4);
    assert_eq!(partitions(&db).await[1], "deleted_notes_1000 1000 2000");
    manager.drop_archived_table("notes").await.unwrap();
    assert_eq!(partitions(&db).await, [""; 0]);
    let left = "select relname::text from pg_class where relname ~ 'notes'";
    assert_eq!(texts(&db, left).await, [""; 0]);
}

#[tokio::test]
async fn archive_table_is_not_partitioned_later() {
    let (_database, db) = library().await;
    let manager = SchemaManager::new(&db);
    for (table, wanted) in [
        (
            ExistingTable::new("pages").partitioned_by_archivals(100),
            "no partitions, and not partitions of 100",
        ),
        (
            ExistingTable::new("books").partitioned_by_archivals(5),
            "partitions of 100 archivals, and not partitions of 5",
        ),
        (
            ExistingTable::new("books"),
            "partitions of 100 archivals, and not no partitions",
        ),
        (
            ExistingTable::new("pages").partitioned_by_archivals(0),
            "at least one archival",
        ),
    ] {
        let refused = manager.archive_existing_table(table).await.unwrap_err();
        assert!(refused.to_string().contains(wanted), "{refused}");
    }
    manager.unarchive_existing_table("pages").await.unwrap();
    manager
        .archive_existing_table(ExistingTable::new("pages").partitioned_by_archivals(100))
        .await
        .unwrap();
}

#[tokio::test]
async fn partitions_are_created_ahead_and_dropped_when_empty() {
    let (_database, db) = library().await;
    let manager = SchemaManager::new(&db);
    next_archival(&db, 250).await;
    manager.make_archive_partitions(3).await.unwrap();
    let shelves = || async {
        let partitions = partitions(&db).await.into_iter();
        partitions
            .filter(|p| p.contains("shelves"))
            .collect::<Vec<_>>()
    };
    let wanted = [
        "deleted_shelves_200 200 300",
        "deleted_shelves_300 300 400",
        "deleted_shelves_400 400 500",
        "deleted_shelves_500 500 600",
    ];
    assert_eq!(shelves().await, wanted);
    manager.make_archive_partitions(3).await.unwrap();
    assert_eq!(shelves().await, wanted);
    // Rows of an archival without a partition stay in the default partition.
    next_archival(&db, 700).await;
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    manager.make_archive_partitions(1).await.unwrap();
    assert_eq!(shelves().await, ["deleted_shelves_800 800 900"]);
    assert_eq!(
        archived(&db).await[0],
        format!("deleted_books_default 10 {}", archival.id)
    );
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "books").await, 18);
    assert!(manager.make_archive_partitions(101).await.is_err());
}

/// Race: another transaction has rows in the default partition, so the helper gives up after two seconds.
#[tokio::test]
async fn partitions_are_not_created_while_the_default_partition_is_locked() {
    let (database, db) = library().await;
    next_archival(&db, 1000).await;
    let (_, refused) = race! { database;
        archive holds |txn| shelf::Entity::archive_by_id(1).exec(txn);
        cron waits for archive |db| SchemaManager::new(db).make_archive_partitions(0);
    };
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("call archive.make_archive_partitions() again"),
        "{refused}"
    );
}

#[tokio::test]
async fn columns_follow_the_table() {
    let (_database, db) = library().await;
    let manager = SchemaManager::new(&db);
    let archival = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let mut alter = Table::alter();
    alter.table("books").add_column(
        ColumnDef::new("title")
            .text()
            .not_null()
            .default("untitled"),
    );
    manager.alter_archived_table(&alter).await.unwrap();
    assert_eq!(
        count(&db, "deleted_books_0 where title = 'untitled'").await,
        2
    );
    run(&db, "alter table books add column isbn text; alter table books drop constraint books_pkey cascade; alter table books add primary key (id, shelf_id)").await;
    manager.sync_archived_table("books").await.unwrap();
    let key = "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'deleted_books'::regclass and contype = 'p'";
    assert_eq!(
        texts(&db, key).await,
        ["PRIMARY KEY (id, shelf_id, archival_id)"]
    );
    run(&db, "alter table books drop constraint books_pkey; alter table books add primary key (id); alter table books drop column isbn").await;
    run(
        &db,
        "alter table pages add foreign key (book_id) references books on delete cascade not valid",
    )
    .await;
    manager.sync_archived_table("books").await.unwrap();
    manager.sync_archived_table("pages").await.unwrap();
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "books where title = 'untitled'").await, 18);
}

#[tokio::test]
async fn table_under_tenancy_has_no_partitioned_archive_table() {
    let (_database, db) = empty().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "create table orders (id bigint primary key, org bigint not null)",
    )
    .await;
    let partitioned = || ExistingTable::new("orders").partitioned_by_archivals(10);
    manager.archive_existing_table(partitioned()).await.unwrap();
    let refused = manager
        .enable_tenancy(Tenancy::new("orders", "org"))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("is partitioned"), "{refused}");
    manager.unarchive_existing_table("orders").await.unwrap();
    manager
        .enable_tenancy(Tenancy::new("orders", "org"))
        .await
        .unwrap();
    let refused = manager
        .archive_existing_table(partitioned())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("row-level security"),
        "{refused}"
    );
}

/// A partition of another kind, and a missing default partition, are reported.
#[tokio::test]
async fn archive_tables_that_are_partitioned_otherwise_do_not_fit() {
    let (_database, db) = library().await;
    for change in [
        "drop table deleted_books_default",
        "alter table deleted_books_0 set unlogged",
    ] {
        run(&db, &format!("begin; {change}; commit")).await;
        let refused = shelf::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
        assert!(
            refused.to_string().contains("it is not a plain table"),
            "{refused}"
        );
        run(
            &db,
            "create table if not exists deleted_books_default partition of deleted_books default",
        )
        .await;
    }
    run(&db, "alter table deleted_books_0 set logged").await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
}

/// Default privileges would let a role read a partition that it may not read through its table.
#[tokio::test]
async fn partitions_have_no_grants() {
    let (_database, db) = empty().await;
    let role = _database.role("reader").await;
    run(&db, &format!("create table memos (id bigint primary key); alter default privileges grant select on tables to {role}")).await;
    let memos = ExistingTable::new("memos").partitioned_by_archivals(10);
    SchemaManager::new(&db)
        .archive_existing_table(memos)
        .await
        .unwrap();
    let granted = format!(
        "select relname::text from pg_class where relname ~ 'memos' and relkind in ('r', 'p') and has_table_privilege('{role}', oid, 'SELECT')"
    );
    assert_eq!(texts(&db, &granted).await, [""; 0]);
}
