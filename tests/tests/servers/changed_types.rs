//! A pool whose sessions have prepared statements, and a migration that changes the type of a column.

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::{Error, error::RetryError, prelude::*};
use sea_orm_archive_tests::sql::{clock, run};

use super::notes::{archive_and_restore, database, note, price, row};

fn new_types(length: i32) -> String {
    format!(
        "alter table notes alter text type varchar({length});
         alter table deleted_notes alter text type varchar({length});
         alter table prices alter label type varchar({length})"
    )
}

/// Every verb that returns columns of a table, once. Note 1 has the given lock version before.
async fn every_verb(db: &DatabaseConnection, lock_version: i32, text: &str) -> Result<(), Error> {
    let before = clock(db).await;
    let saved = row(1, text, lock_version).update_if_unchanged(db).await?;
    assert_eq!(saved.text, text);
    match row(1, "lost", lock_version).update_if_unchanged(db).await {
        Err(UpdateError::Conflict { current, .. }) => assert_eq!(current.text, text),
        other => panic!("{other:?}"),
    }
    let was = note::Entity::find_as_of(1, before).one(db).await?.unwrap();
    assert_eq!(was.row.text, "first");
    assert_eq!(saved.revert_to(before, db).await?.text, "first");
    let changed = price::Entity::change(1).valid_from(before);
    let changed = changed.value(price::Column::Label, text);
    assert_eq!(changed.exec(db).await?.label, text);
    let changes = price::Entity::find_changes(price::Column::Label).of(1);
    assert_eq!(changes.all(db).await?.last().unwrap().after.label, text);
    price::Entity::find_gaps().of(1).all(db).await?;
    archive_and_restore(db, 2).await
}

#[tokio::test]
async fn verbs_recover_after_a_change_of_a_type_under_a_warm_pool() {
    let database = database().await;
    let migration = database.connect().await;
    let mut sessions = Vec::new();
    for name in ["first", "second", "third"] {
        sessions.push(database.session(name).await);
    }
    let mut lock_version = 0;
    for length in [40, 80, 60] {
        run(&migration, &new_types(length)).await;
        for (n, session) in sessions.iter().enumerate() {
            let text = format!("{length} {n}");
            let done = every_verb(&session.db(), lock_version, &text).await;
            done.unwrap_or_else(|error| panic!("{text}: {error}"));
            lock_version += 2;
        }
    }
}

/// PostgreSQL aborts the transaction of the caller: its next attempt succeeds, on the same session.
#[tokio::test]
async fn transaction_that_meets_a_changed_type_succeeds_when_it_is_repeated() {
    let database = database().await;
    let migration = database.connect().await;
    let db = database.session("pooled").await.db();
    row(1, "second", 0).update_if_unchanged(&db).await.unwrap();
    let mut lock_version = 1;
    // Another test may have noticed a change since: then the statement has another text, and works at once.
    for length in 41..60 {
        run(&migration, &new_types(length)).await;
        let txn = db.begin().await.unwrap();
        let done = row(1, "third", lock_version)
            .update_if_unchanged(&txn)
            .await;
        let Err(error) = done else {
            txn.commit().await.unwrap();
            lock_version += 1;
            continue;
        };
        let error = Error::from(error);
        assert!(
            matches!(error, Error::Retry(RetryError::OutdatedStatement { .. })),
            "{error}"
        );
        txn.rollback().await.unwrap();
        let txn = db.begin().await.unwrap();
        let done = row(1, "third", lock_version)
            .update_if_unchanged(&txn)
            .await;
        assert_eq!(done.unwrap().text, "third");
        return txn.commit().await.unwrap();
    }
    panic!("no transaction met a changed type");
}
