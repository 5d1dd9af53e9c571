//! Detached and restored links are counted: if a trigger skips or changes a row, nothing moves.

use sea_orm_archive::error::DriftError;
use sea_orm_archive::prelude::*;

use crate::tables::family::{BOTH_SIDES, detached, two_families};
use sea_orm_archive_tests::{
    sql::{count, dump, dumps, run},
    tables::tables,
};

const LINKS: [&str; 5] = [
    "parents",
    "children",
    "deleted_parents",
    "deleted_children",
    "archive.detached_link",
];

async fn trigger(db: &sea_orm::DatabaseConnection, table: &str, body: &str) {
    run(
        db,
        &format!(
            "create or replace function f() returns trigger language plpgsql as $$ begin {body} end $$;
             create or replace trigger \"changes links\" before update on {table} for each row execute function f()"
        ),
    )
    .await;
}

fn named(refused: &str) -> bool {
    refused.contains("\"changes links\"") || refused.contains("changes links")
}

/// Bodies of triggers that skip or change an update of a link.
const BODIES: [&str; 3] = [
    "return null;",
    "return old;",
    "new.parent_id := 2; return new;",
];

#[tokio::test]
async fn archive_is_refused_if_a_trigger_changes_a_detached_link() {
    for body in BODIES {
        let (_database, db) = tables(
            &two_families("on delete set null"),
            &["parents", "children"],
        )
        .await;
        trigger(&db, "children", body).await;
        let before = dumps(&db, &LINKS).await;
        let refused = detached::parent::Entity::archive_by_id(1).exec(&db).await;
        let Err(Error::Drift(DriftError::Trigger { message })) = &refused else {
            panic!("{body}: {refused:?}")
        };
        assert!(
            named(message) && message.contains("public.children"),
            "{message}"
        );
        assert_eq!(dumps(&db, &LINKS).await, before, "{body}");
    }
}

#[tokio::test]
async fn restore_is_refused_if_a_trigger_changes_a_restored_link() {
    for body in BODIES {
        let (_database, db) = tables(
            &two_families("on delete set null"),
            &["parents", "children"],
        )
        .await;
        let start = dumps(&db, &BOTH_SIDES).await;
        let archival = detached::parent::Entity::archive_by_id(1)
            .exec(&db)
            .await
            .unwrap();
        trigger(&db, "children", body).await;
        let before = dumps(&db, &LINKS).await;
        let preview = archival.restore_preview_error(&db).await;
        assert!(
            named(&preview) && preview.contains("public.children"),
            "{preview}"
        );
        let refused = archival.restore(&db).await;
        let Err(Error::Drift(DriftError::Trigger { message })) = &refused else {
            panic!("{body}: {refused:?}")
        };
        assert!(
            named(message) && message.contains("public.children"),
            "{message}"
        );
        assert_eq!(dumps(&db, &LINKS).await, before, "{body}");
        // No row was lost: without the trigger everything is restored.
        run(&db, "drop trigger \"changes links\" on children").await;
        assert_eq!(archival.restore(&db).await.unwrap().relinked, 2);
        assert_eq!(dumps(&db, &BOTH_SIDES).await, start);
        assert_eq!(count(&db, "archive.detached_link").await, 0);
    }
}

/// A trigger that does not change the link is allowed.
#[tokio::test]
async fn trigger_that_changes_another_column_is_allowed() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    trigger(&db, "children", "new.name := 'changed'; return new;").await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 2);
    assert_eq!(
        dump(&db, "children").await,
        [
            "(11,1,changed)",
            "(12,1,changed)",
            "(21,2,b)",
            "(22,2,c)",
            "(99,,d)"
        ]
    );
}

trait PreviewError {
    async fn restore_preview_error(&self, db: &sea_orm::DatabaseConnection) -> String;
}

impl PreviewError for sea_orm_archive::archival::Model {
    async fn restore_preview_error(&self, db: &sea_orm::DatabaseConnection) -> String {
        let preview = sea_orm_archive::archival::Entity::restore_by_id(self.id)
            .preview(db)
            .await;
        match preview {
            Err(error) => error.to_string(),
            Ok(preview) => format!("{preview:?}"),
        }
    }
}

// -- keys of the detached rows ---------------------------------------------------------------------

#[tokio::test]
async fn link_is_restored_after_the_key_of_the_child_was_renamed() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "alter table children rename id to number").await;
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 2);
    assert_eq!(count(&db, "children where parent_id = 1").await, 2);
}

#[tokio::test]
async fn restore_is_refused_if_the_key_of_the_child_has_other_columns() {
    let (_database, db) = tables(&two_families("on delete set null"), &["parents"]).await;
    let archival = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "alter table children add area int not null default 1, drop constraint children_pkey, add primary key (area, id)",
    )
    .await;
    let before = dumps(
        &db,
        &[
            "parents",
            "children",
            "deleted_parents",
            "archive.detached_link",
        ],
    )
    .await;
    let refused = archival.restore(&db).await;
    let Err(Error::Drift(DriftError::Schema { problems, .. })) = &refused else {
        panic!("{refused:?}")
    };
    let problems = problems.join(";");
    assert!(
        problems.contains("public.children") && problems.contains("primary key"),
        "{problems}"
    );
    assert_eq!(
        dumps(
            &db,
            &[
                "parents",
                "children",
                "deleted_parents",
                "archive.detached_link"
            ]
        )
        .await,
        before
    );
    run(
        &db,
        "alter table children drop constraint children_pkey, add primary key (id)",
    )
    .await;
    assert_eq!(archival.restore(&db).await.unwrap().relinked, 2);
}
