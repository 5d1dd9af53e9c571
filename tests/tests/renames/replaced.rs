//! Foreign keys and tables that were replaced after the archive.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dumps, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use crate::tables::family::{FAMILY, cascaded, detached, two_families};

/// Another constraint over the same column, with another name and another action.
#[tokio::test]
async fn archival_is_restored_over_a_foreign_key_that_was_replaced() {
    for on_delete in ["on delete cascade", "on delete set null"] {
        let (_database, db) = tables(&two_families(on_delete), &FAMILY).await;
        let before = dumps(&db, &FAMILY).await;
        let archival = match on_delete {
            "on delete cascade" => cascaded::parent::Entity::archive_by_id(1).exec(&db).await,
            _ => detached::parent::Entity::archive_by_id(1).exec(&db).await,
        };
        let archival = archival.unwrap();
        run(&db, "alter table children drop constraint children_parent, add constraint other foreign key (parent_id) references parents on delete restrict deferrable").await;
        let restored = archival.restore(&db).await.unwrap();
        assert_eq!(restored.not_relinked, []);
        assert_eq!(dumps(&db, &FAMILY).await, before);
    }
}

/// Without its foreign key a link cannot be put back; the error names it, and with the key it can.
#[tokio::test]
async fn link_whose_foreign_key_was_dropped_is_refused_until_it_is_added_again() {
    let (_database, db) = tables(&two_families("on delete set null"), &FAMILY).await;
    let before = dumps(&db, &FAMILY).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "alter table children drop constraint children_parent").await;
    let error = archival.restore(&db).await.unwrap_err().to_string();
    assert!(
        error.contains(
            "public.children(parent_id), and its foreign key no longer exists: add it again"
        ),
        "{error}"
    );
    run(
        &db,
        "alter table children add foreign key (parent_id) references parents",
    )
    .await;
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &FAMILY).await, before);
}

/// Two trees share a child table. What happens to the other parent does not concern this one.
#[tokio::test]
async fn tree_is_archived_after_another_table_that_its_child_refers_to_changed() {
    for change in [
        "alter table others rename to friends",
        "alter table children drop constraint children_other; drop table others; drop table deleted_others",
        "alter table children drop constraint children_other; alter table others rename to old_others;
         create table others (like old_others including all); insert into others table old_others; drop table old_others;
         alter table children add constraint children_other foreign key (other_id) references others on delete cascade",
        "alter table others rename id to key",
        "drop table deleted_others",
    ] {
        let (_database, db) = tables(
            &format!("create table others (id bigint primary key); insert into others values (5); {};
                alter table children add other_id bigint constraint children_other references others on delete cascade;
                update children set other_id = 5", two_families("on delete cascade")),
            &["parents", "children", "others"],
        )
        .await;
        let before = dumps(&db, &FAMILY).await;
        let archival = cascaded::parent::Entity::archive_by_id(1).exec(&db).await.unwrap();
        run(&db, change).await;
        archival.restore(&db).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        assert_eq!(dumps(&db, &FAMILY).await, before, "{change}");
        if change.contains("old_others") {
            // The key was added with plain SQL: archived rows would not follow it.
            let error = cascaded::parent::Entity::archive_by_id(1).exec(&db).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("manager.sync_archived_table(\"children\")"), "{error}");
            let manager = SchemaManager::new(&db);
            manager.sync_archived_table("children").await.unwrap();
        }
        let archival = cascaded::parent::Entity::archive_by_id(1).exec(&db).await;
        let archival = archival.unwrap_or_else(|error| panic!("{change}: {error}"));
        archival.restore(&db).await.unwrap_or_else(|error| panic!("{change}: {error}"));
        assert_eq!(dumps(&db, &FAMILY).await, before, "{change}");
    }
}

/// Archived rows whose archival id was changed with plain SQL, to another archival or to none.
#[tokio::test]
async fn rows_with_an_archival_id_that_was_changed_are_reported() {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    let before = dumps(&db, &FAMILY).await;
    let first = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "update deleted_children set archival_id = 77 where id = 12",
    )
    .await;
    let restored = first.restore(&db).await.unwrap();
    assert_eq!(restored.missing, [("public.children".to_owned(), 1)].into());
    let error = cascaded::child::Entity::restore_by_id(12)
        .exec(&db)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("archival record 77 does not exist"),
        "{error}"
    );
    run(&db, "insert into children select id, parent_id, name from deleted_children; delete from deleted_children").await;
    assert_eq!(dumps(&db, &FAMILY).await, before);

    let first = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "update deleted_parents set archival_id = 77").await;
    let error = first.restore(&db).await.unwrap_err().to_string();
    assert!(
        error.contains("no longer holds the root of archival"),
        "{error}"
    );
    assert_eq!(
        texts(&db, "select id::text from deleted_children order by id").await,
        ["11", "12"]
    );
    run(
        &db,
        &format!("update deleted_parents set archival_id = {}", first.id),
    )
    .await;
    first.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &FAMILY).await, before);
}
