//! Blocking rows are counted before any trigger fires that could delete or unlink them.

use sea_orm_archive::Blocker;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use crate::tables::family::{BOTH_SIDES, detached, restricted, two_families, undeclared};
use sea_orm_archive_tests::{
    sql::{dumps, run},
    tables::tables,
};

/// When the trigger fires. A foreign key that refuses is checked by triggers whose names begin with `RI_`, so triggers
/// named `A first` fire before them.
const TRIGGERS: [&str; 4] = [
    "t before delete on parents for each row",
    "t before delete on parents",
    "\"A first\" after delete on parents for each row",
    "\"A first\" after delete on parents",
];

fn function(does: &str) -> String {
    format!(
        "create function f() returns trigger language plpgsql as $$ begin {does}; return coalesce(new, old); end $$;"
    )
}

fn blocker(rows: u64) -> Blocker {
    Blocker {
        table: "public.children".to_owned(),
        constraint: "children_parent".to_owned(),
        rows,
    }
}

#[tokio::test]
async fn restricted_rows_block_although_a_trigger_deletes_or_unlinks_them() {
    for on_delete in ["", "on delete restrict", "on delete cascade"] {
        let (_database, db) = tables(&two_families(on_delete), &["parents", "children"]).await;
        let before = dumps(&db, &BOTH_SIDES).await;
        for trigger in TRIGGERS {
            for does in [
                "delete from children where parent_id = 1",
                "update children set parent_id = null where parent_id = 1",
            ] {
                run(&db, &function(does)).await;
                run(
                    &db,
                    &format!("create trigger {trigger} execute function f()"),
                )
                .await;
                let preview = restricted::parent::Entity::archive_by_id(1)
                    .preview(&db)
                    .await
                    .unwrap();
                assert_eq!(preview.blockers, [blocker(2)]);
                let refused = restricted::parent::Entity::archive_by_id(1).exec(&db).await;
                assert!(
                    matches!(&refused, Err(Error::Conflict(ConflictError::Blocked { blockers, .. })) if *blockers == [blocker(2)]),
                    "{trigger} {does} {on_delete}: {refused:?}"
                );
                let refused = restricted::parent::Entity::archive_many().exec(&db).await;
                assert!(
                    matches!(
                        &refused,
                        Err(Error::Conflict(ConflictError::Blocked { .. }))
                    ),
                    "{trigger} {does} {on_delete}: {refused:?}"
                );
                assert_eq!(dumps(&db, &BOTH_SIDES).await, before, "{trigger} {does}");
                run(&db, "drop function f cascade").await;
            }
        }
    }
}

/// An undeclared foreign key that refuses blocks the archive too.
#[tokio::test]
async fn undeclared_rows_block_although_a_trigger_deletes_them() {
    let (_database, db) = tables(&two_families(""), &["parents", "children"]).await;
    run(&db, &function("delete from children where parent_id = 1")).await;
    run(
        &db,
        "create trigger t before delete on parents for each row execute function f()",
    )
    .await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let refused = undeclared::parent::Entity::archive_by_id(1).exec(&db).await;
    assert!(
        matches!(&refused, Err(Error::Conflict(ConflictError::Blocked { blockers, .. })) if *blockers == [blocker(2)]),
        "{refused:?}"
    );
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}

/// The trigger is on a table whose links are detached, which fires it.
#[tokio::test]
async fn trigger_on_a_detached_table_does_not_delete_blocking_rows() {
    let (_database, db) = tables(
        &format!(
            "{}; create table others (id bigint primary key, parent_id bigint constraint others_parent references parents);
             insert into others values (1, 1), (2, 2)",
            two_families("")
        ),
        &["parents"],
    )
    .await;
    run(
        &db,
        &function("delete from others where parent_id = old.parent_id"),
    )
    .await;
    for trigger in [
        "t before update on children for each row",
        "\"A first\" after update on children for each row",
    ] {
        run(
            &db,
            &format!("create trigger {trigger} execute function f()"),
        )
        .await;
        let before = dumps(&db, &["parents", "children", "others"]).await;
        let refused = detached::parent::Entity::archive_by_id(1).exec(&db).await;
        assert!(
            matches!(
                &refused,
                Err(Error::Conflict(ConflictError::Blocked { .. }))
            ),
            "{trigger}: {refused:?}"
        );
        assert_eq!(
            dumps(&db, &["parents", "children", "others"]).await,
            before,
            "{trigger}"
        );
        run(
            &db,
            "drop trigger if exists t on children; drop trigger if exists \"A first\" on children",
        )
        .await;
    }
}

/// Without blocking rows such a trigger has no effect.
#[tokio::test]
async fn parent_without_blocking_rows_is_archived_beside_a_trigger() {
    let (_database, db) = tables(&two_families(""), &["parents", "children"]).await;
    run(&db, "delete from children where parent_id = 1").await;
    run(&db, &function("delete from children where parent_id = 1")).await;
    run(
        &db,
        "create trigger t before delete on parents for each row execute function f()",
    )
    .await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let archival = restricted::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    archival.restore(&db).await.unwrap();
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}
