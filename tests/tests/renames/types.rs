//! Types that were changed after the archive, in both tables.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dumps, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::sea_query::{ColumnDef, ColumnType, Table};

use crate::tables::family::{FAMILY, cascaded, detached};

const TYPES: &str = "create type mood as enum ('calm', 'loud'); create domain title as text;
    create table parents (id integer primary key, mood mood, size text, title title);
    create table children (id integer primary key, parent_id integer references parents on delete cascade);
    insert into parents values (1, 'loud', '12', 'One'), (2, 'calm', '7', 'Two');
    insert into children values (11, 1), (12, 1), (21, 2)";

/// A change of a type, in SQL.
const CHANGES: [&str; 4] = [
    "alter type mood rename value 'loud' to 'noisy'",
    "create type feeling as enum ('loud', 'calm', 'other');
     alter table parents alter mood type feeling using mood::text::feeling; alter table deleted_parents alter mood type feeling using mood::text::feeling",
    "alter table parents alter size type integer using size::integer; alter table deleted_parents alter size type integer using size::integer",
    "alter domain title add check (length(value) < 10)",
];

#[tokio::test]
async fn archival_is_restored_after_a_change_of_type() {
    for change in CHANGES {
        let (_database, db) = tables(TYPES, &FAMILY).await;
        let archival = cascaded::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        run(&db, change).await;
        let restored = archival.restore(&db).await.unwrap();
        assert_eq!(restored.rows.values().sum::<u64>(), 3, "{change}");
        assert_eq!(
            texts(&db, "select concat_ws(' ', p.id, p.size, p.title, c.id) from parents p join children c on c.parent_id = p.id order by c.id").await,
            ["1 12 One 11", "1 12 One 12", "2 7 Two 21"],
            "{change}"
        );
    }
}

/// The types of the key and of the foreign key, changed by the helper: our triggers depend on these columns.
#[tokio::test]
async fn archival_is_restored_after_its_key_got_another_type() {
    for on_delete in ["on delete cascade", "on delete set null"] {
        for new in [ColumnType::BigInteger, ColumnType::Decimal(None)] {
            let ddl = TYPES.replace("on delete cascade", on_delete);
            let (_database, db) = tables(&ddl, &FAMILY).await;
            let archival = match on_delete {
                "on delete cascade" => cascaded::parent::Entity::archive_by_id(1).exec(&db).await,
                _ => detached::parent::Entity::archive_by_id(1).exec(&db).await,
            };
            let manager = SchemaManager::new(&db);
            for (table, column) in [
                ("parents", "id"),
                ("children", "id"),
                ("children", "parent_id"),
            ] {
                let change = Table::alter()
                    .table(table)
                    .modify_column(ColumnDef::new_with_type(column, new.clone()))
                    .to_owned();
                manager.alter_archived_table(&change).await.unwrap();
            }
            let restored = archival.unwrap().restore(&db).await.unwrap();
            assert_eq!(restored.not_relinked, []);
            assert_eq!(
                texts(&db, "select concat_ws(' ', p.id, c.id) from parents p join children c on c.parent_id = p.id order by c.id").await,
                ["1 11", "1 12", "2 21"],
                "{on_delete} {new:?}"
            );
        }
    }
}

/// PostgreSQL checks values that exist for no constraint that is NOT VALID, and a restore gives the value back as it was.
#[tokio::test]
async fn archived_value_that_a_stricter_domain_does_not_accept_comes_back() {
    let (_database, db) = tables(TYPES, &FAMILY).await;
    let before = dumps(&db, &FAMILY).await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "alter domain title add constraint upper_only check (value = upper(value)) not valid",
    )
    .await;
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &FAMILY).await, before);
}

/// A column that was added to both tables: an archived row gets its default.
#[tokio::test]
async fn archived_row_gets_the_default_of_a_required_column_that_was_added() {
    let (_database, db) = tables(TYPES, &FAMILY).await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "alter table parents add added integer not null default 5",
    )
    .await;
    let error = archival.restore(&db).await.unwrap_err();
    assert!(error.to_string().contains("sync_archived_table"), "{error}");
    SchemaManager::new(&db)
        .sync_archived_table("parents")
        .await
        .unwrap();
    archival.restore(&db).await.unwrap();
    assert_eq!(
        texts(&db, "select added::text from parents where id = 1").await,
        ["5"]
    );
}
