//! Conflicts of a restore: the preview and the error report the same, and nothing moves.

use sea_orm::DatabaseConnection;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use crate::tables::family::{BOTH_SIDES, FAMILY, cascaded, two_families};
use sea_orm_archive_tests::{
    sql::{dumps, run},
    tables::tables,
};

/// The conflicts of a restore of parent 1 after `after` has run. After `fix` the restore must succeed.
async fn in_the_way(before: &str, after: &str, fix: &str) -> Vec<Conflict> {
    let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
    run(&db, before).await;
    let all = dumps(&db, &FAMILY).await;
    let archival = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, after).await;
    let found = refused(&db).await;
    run(&db, fix).await;
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &FAMILY).await, all, "{after}");
    found
}

async fn refused(db: &DatabaseConnection) -> Vec<Conflict> {
    let before = dumps(db, &BOTH_SIDES).await;
    let preview = cascaded::parent::Entity::restore_by_id(1)
        .preview(db)
        .await
        .unwrap();
    let error = cascaded::parent::Entity::restore_by_id(1).exec(db).await;
    let Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) = error else {
        panic!("{error:?}");
    };
    assert_eq!(preview.conflicts, conflicts);
    assert_eq!(dumps(db, &BOTH_SIDES).await, before);
    conflicts
}

/// The constraint of the only conflict.
fn constraint(conflicts: &[Conflict]) -> &str {
    match conflicts {
        [
            Conflict::Unique { constraint, .. }
            | Conflict::KeyTaken { constraint, .. }
            | Conflict::MissingParent { constraint, .. }
            | Conflict::Violated { constraint, .. },
        ] => constraint,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unique_value_of_a_child_that_is_taken_is_a_conflict() {
    for (index, row) in [
        ("create unique index taken on children (name)", "'a'"),
        (
            "create unique index taken on children (lower(name)) where id < 90",
            "'A'",
        ),
        (
            "create unique index taken on children ((coalesce(name, '')), (id > 0))",
            "'a'",
        ),
        (
            "update children set name = 'e' where id = 99; create unique index taken on children (name) nulls not distinct where id <> 30",
            "null",
        ),
        (
            "alter table children add constraint taken unique (name) deferrable initially deferred",
            "'a'",
        ),
        (
            "alter table children add constraint taken exclude using btree (name with =)",
            "'a'",
        ),
    ] {
        let found = in_the_way(
            index,
            &format!("insert into children values (50, 2, {row})"),
            "delete from children where id = 50",
        )
        .await;
        assert_eq!(constraint(&found), "taken", "{index}");
        let [Conflict::Unique { table, holder, .. }] = &found[..] else {
            panic!("{index}: {found:?}");
        };
        assert_eq!(table, "public.children");
        assert_eq!(*holder, serde_json::json!({"id": 50}), "{index}");
    }
}

/// Rows outside a partial index, distinct NULLs, and different values are no conflict.
#[tokio::test]
async fn value_that_no_unique_index_compares_is_no_conflict() {
    for (index, row) in [
        ("create unique index free on children (name)", "null"),
        (
            "create unique index free on children (name) where id < 20",
            "'a'",
        ),
        (
            "create unique index free on children (name, parent_id)",
            "'a'",
        ),
    ] {
        let (_database, db) = tables(&two_families("on delete cascade"), &FAMILY).await;
        run(&db, index).await;
        let archival = cascaded::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        run(&db, &format!("insert into children values (50, 2, {row})")).await;
        let preview = cascaded::parent::Entity::restore_by_id(1)
            .preview(&db)
            .await;
        assert_eq!(preview.unwrap().conflicts, [], "{index}");
        archival.restore(&db).await.unwrap();
    }
}

#[tokio::test]
async fn key_of_a_child_that_is_taken_is_a_conflict() {
    let found = in_the_way(
        "",
        "insert into children values (12, 2, 'new')",
        "delete from children where id = 12",
    )
    .await;
    assert_eq!(constraint(&found), "children_pkey");
    assert!(matches!(found[..], [Conflict::KeyTaken { .. }]));
}

/// A constraint that was added after the rows were archived.
#[tokio::test]
async fn constraint_added_after_the_archive_is_a_conflict() {
    for (change, fix) in [
        (
            "alter table children add constraint newer check (name <> 'a')",
            "alter table children drop constraint newer",
        ),
        (
            "update children set name = '' where name is null; alter table children alter column name set not null",
            "alter table children alter column name drop not null",
        ),
    ] {
        let found = in_the_way("", change, fix).await;
        assert!(
            matches!(&found[..], [Conflict::Violated { table, .. }] if table == "public.children"),
            "{found:?}"
        );
    }
}

/// An archived parent can be restored first; a deleted one cannot.
#[tokio::test]
async fn archived_or_deleted_parent_is_a_conflict() {
    for check in ["", "deferrable", "deferrable initially deferred"] {
        let (_database, db) = tables(
            &two_families(&format!("on delete cascade {check}")),
            &FAMILY,
        )
        .await;
        let child = || cascaded::child::Entity::restore_by_id(11);
        let before = dumps(&db, &FAMILY).await;
        cascaded::child::Entity::archive_by_id(11)
            .exec(&db)
            .await
            .unwrap();
        let parent = cascaded::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(parent.rows()["public.children"], 1);
        let preview = child().preview(&db).await.unwrap();
        assert!(
            matches!(&preview.conflicts[..], [Conflict::MissingParent { archival, .. }] if *archival == Some(parent.id)),
            "{check}: {preview:?}"
        );
        let error = child().exec(&db).await.unwrap_err();
        assert!(
            matches!(&error, Error::Conflict(ConflictError::ParentArchived { archival, parent_table, .. }) if *archival == parent.id && parent_table == "public.parents"),
            "{check}: {error}"
        );
        parent.restore(&db).await.unwrap();
        child().exec(&db).await.unwrap();
        assert_eq!(dumps(&db, &FAMILY).await, before);

        cascaded::child::Entity::archive_by_id(11)
            .exec(&db)
            .await
            .unwrap();
        run(&db, "delete from parents where id = 1").await;
        let archived = dumps(&db, &BOTH_SIDES).await;
        let preview = child().preview(&db).await.unwrap();
        match child().exec(&db).await {
            Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) => {
                assert_eq!(conflicts, preview.conflicts, "{check}");
                assert_eq!(constraint(&conflicts), "children_parent");
                assert!(
                    matches!(
                        &conflicts[..],
                        [Conflict::MissingParent { archival: None, .. }]
                    ),
                    "{conflicts:?}"
                );
            }
            other => panic!("{check}: {other:?}"),
        }
        assert_eq!(dumps(&db, &BOTH_SIDES).await, archived, "{check}");
    }
}
