//! Calls in a transaction of the caller: errors leave it usable, and deferred constraints are checked by the call.

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::error::{ConflictError, DriftError, NotFoundError};
use sea_orm_archive::prelude::*;

use crate::tables::family::{BOTH_SIDES, FAMILY, cascaded, restricted, two_families, undeclared};
use sea_orm_archive_tests::{
    sql::{count, dumps, run},
    tables::tables,
};

async fn family(on_delete: &str) -> (sea_orm_archive_tests::Database, DatabaseConnection) {
    tables(&two_families(on_delete), &FAMILY).await
}

#[tokio::test]
async fn every_error_leaves_the_transaction_usable() {
    let (_database, db) = family("on delete cascade").await;
    cascaded::child::Entity::archive_by_id(22)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into children values (22, null, 'new')").await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let txn = db.begin().await.unwrap();
    run(&txn, "insert into parents values (5, 'mine')").await;

    let error = cascaded::parent::Entity::archive_by_id(100)
        .exec(&txn)
        .await;
    assert!(matches!(
        error,
        Err(Error::NotFound(NotFoundError::Row { .. }))
    ));
    let error = restricted::parent::Entity::archive_by_id(1)
        .exec(&txn)
        .await;
    assert!(
        matches!(error, Err(Error::Conflict(ConflictError::Blocked { .. }))),
        "{error:?}"
    );
    let error = undeclared::parent::Entity::archive_by_id(1)
        .exec(&txn)
        .await;
    assert!(
        matches!(error, Err(Error::Drift(DriftError::UndeclaredEdges { .. }))),
        "{error:?}"
    );
    let error = cascaded::child::Entity::archive_by_id(22).exec(&txn).await;
    assert!(
        matches!(
            error,
            Err(Error::Conflict(ConflictError::DuplicateKey { .. }))
        ),
        "{error:?}"
    );
    let error = cascaded::child::Entity::restore_by_id(22).exec(&txn).await;
    assert!(
        matches!(error, Err(Error::Conflict(ConflictError::Restore { .. }))),
        "{error:?}"
    );
    let error = cascaded::child::Entity::restore_by_id(11).exec(&txn).await;
    assert!(
        matches!(
            error,
            Err(Error::Conflict(ConflictError::NotArchived { .. }))
        ),
        "{error:?}"
    );
    run(&txn, "alter table parents add column extra int").await;
    let error = cascaded::parent::Entity::archive_by_id(1).exec(&txn).await;
    assert!(
        matches!(error, Err(Error::Drift(DriftError::Schema { .. }))),
        "{error:?}"
    );
    run(&txn, "alter table parents drop column extra").await;

    // The failed calls changed nothing, and earlier changes of the transaction are still there.
    assert_eq!(count(&txn, "parents where name = 'mine'").await, 1);
    cascaded::parent::Entity::archive_by_id(1)
        .exec(&txn)
        .await
        .unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
}

/// Rows are inserted and archived in one transaction, as in a test.
#[tokio::test]
async fn rows_inserted_in_the_same_transaction_are_archived() {
    let (_database, db) = family("on delete cascade").await;
    let txn = db.begin().await.unwrap();
    run(
        &txn,
        "insert into parents values (3, 'new'); insert into children values (31, 3, 'new')",
    )
    .await;
    let archival = cascaded::parent::Entity::archive_by_id(3)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(archival.rows()["public.children"], 1);
    assert_eq!(count(&db, "deleted_children").await, 0);
    txn.commit().await.unwrap();
    assert_eq!(count(&db, "deleted_children").await, 1);
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "children where id = 31").await, 1);
}

/// A violation of a deferred constraint is reported by the call, not by the commit.
#[tokio::test]
async fn deferred_foreign_key_is_checked_by_the_call() {
    let (_database, db) = family("deferrable initially deferred").await;
    let txn = db.begin().await.unwrap();
    let error = undeclared::parent::Entity::archive_by_id(1)
        .exec(&txn)
        .await;
    assert!(
        matches!(error, Err(Error::Conflict(ConflictError::Blocked { .. }))),
        "{error:?}"
    );
    txn.commit().await.unwrap();

    let child = cascaded::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    run(
        &db,
        "delete from children where parent_id = 1; delete from parents where id = 1",
    )
    .await;
    let txn = db.begin().await.unwrap();
    for _ in 0..2 {
        let error = child.restore(&txn).await;
        assert!(
            matches!(error, Err(Error::Conflict(ConflictError::Restore { .. }))),
            "{error:?}"
        );
        let error = cascaded::child::Entity::restore_by_id(11).exec(&txn).await;
        assert!(
            matches!(error, Err(Error::Conflict(ConflictError::Restore { .. }))),
            "{error:?}"
        );
    }
    // After the parent is inserted in the transaction, the restore succeeds.
    run(&txn, "insert into parents values (1, 'again')").await;
    child.restore(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(count(&db, "children where id = 11").await, 1);
}

/// The same with a deferred unique constraint.
#[tokio::test]
async fn deferred_unique_constraint_is_checked_by_the_call() {
    let (_database, db) = family("on delete cascade").await;
    run(
        &db,
        "alter table children add constraint names unique (name) deferrable initially deferred",
    )
    .await;
    let child = cascaded::child::Entity::archive_by_id(11)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into children values (50, 2, 'a')").await;
    let txn = db.begin().await.unwrap();
    for _ in 0..2 {
        let by_key = cascaded::child::Entity::restore_by_id(11).exec(&txn).await;
        assert!(
            matches!(by_key, Err(Error::Conflict(ConflictError::Restore { .. }))),
            "{by_key:?}"
        );
        let by_archival = child.restore(&txn).await;
        assert!(
            matches!(
                by_archival,
                Err(Error::Conflict(ConflictError::Restore { .. }))
            ),
            "{by_archival:?}"
        );
    }
    txn.commit().await.unwrap();
}

#[tokio::test]
async fn calls_in_nested_transactions_are_rolled_back_with_them() {
    let (_database, db) = family("on delete cascade").await;
    let before = dumps(&db, &BOTH_SIDES).await;
    let outer = db.begin().await.unwrap();
    cascaded::parent::Entity::archive_by_id(1)
        .exec(&outer)
        .await
        .unwrap();
    let inner = outer.begin().await.unwrap();
    cascaded::parent::Entity::archive_by_id(2)
        .exec(&inner)
        .await
        .unwrap();
    inner.rollback().await.unwrap();
    assert_eq!(count(&outer, "parents where id = 2").await, 1);
    let inner = outer.begin().await.unwrap();
    cascaded::parent::Entity::restore_by_id(1)
        .exec(&inner)
        .await
        .unwrap();
    inner.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(dumps(&db, &BOTH_SIDES).await, before);
    assert_eq!(count(&db, "archive.archival").await, 1);
}
