//! Primary keys that have other columns than at the archive.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dump, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use crate::tables::family::{FAMILY, cascaded, detached, two_families};

/// A surrogate key is added to the root, and its former key becomes unique.
const SURROGATE: &str = "alter table children drop constraint children_parent;
    alter table parents add column surrogate uuid not null default gen_random_uuid();
    alter table parents drop constraint parents_pkey, add primary key (surrogate), add constraint parents_id unique (id);
    alter table children add constraint children_parent foreign key (parent_id) references parents (id)";

/// The key of the child gets a second column.
const COMPOSITE: &str = "alter table children add column part integer not null default 0;
    alter table children drop constraint children_pkey, add primary key (id, part)";

async fn sync(db: &sea_orm::DatabaseConnection, table: &str) {
    SchemaManager::new(db)
        .sync_archived_table(table.to_owned())
        .await
        .unwrap();
}

#[tokio::test]
async fn archival_is_restored_by_its_id_after_its_root_got_another_primary_key() {
    for on_delete in ["on delete cascade", "on delete set null"] {
        let (_database, db) = tables(&two_families(on_delete), &FAMILY).await;
        let archival = match on_delete {
            "on delete cascade" => cascaded::parent::Entity::archive_by_id(1).exec(&db).await,
            _ => detached::parent::Entity::archive_by_id(1).exec(&db).await,
        };
        let archival = archival.unwrap();
        run(&db, &format!("{SURROGATE} {on_delete}")).await;
        sync(&db, "parents").await;
        sync(&db, "children").await;
        archival.restore(&db).await.unwrap();
        assert_eq!(
            texts(&db, "select concat_ws(' ', p.id, c.id) from parents p join children c on c.parent_id = p.id order by c.id").await,
            ["1 11", "1 12", "2 21", "2 22"],
            "{on_delete}"
        );
    }
}

#[tokio::test]
async fn archival_is_restored_after_its_child_got_another_primary_key() {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    let rows = dump(&db, "parents").await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, COMPOSITE).await;
    sync(&db, "children").await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.rows["public.children"], 2);
    assert_eq!(dump(&db, "parents").await, rows);
}

/// The rows that lost a link are recorded by their key: the error names the change and what to do.
#[tokio::test]
async fn link_of_a_row_whose_primary_key_has_other_columns_is_refused_with_what_to_do() {
    let (_database, db) = tables(&two_families("on delete set null"), &FAMILY).await;
    let rows = dump(&db, "parents").await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, COMPOSITE).await;
    sync(&db, "children").await;
    let error = archival.restore(&db).await.unwrap_err().to_string();
    assert!(
        error.contains(
            "primary key had 1 column(s), and the primary key has 2 column(s) now (id, part)"
        ) && error.contains("archive.detached_link"),
        "{error}"
    );
    run(
        &db,
        "update archive.detached_link set child_key = child_key || '[\"0\"]'",
    )
    .await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.relinked, 2);
    assert_eq!(dump(&db, "parents").await, rows);
}
