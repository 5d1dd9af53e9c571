//! A hook that returns an error rolls back the move.

use sea_orm::{DbErr, EntityTrait, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{count, number, run};

use super::entities::note;
use super::{database, logged};

#[tokio::test]
async fn error_of_a_hook_rolls_back_the_archive_and_is_returned() {
    let (_database, db) = database().await;
    run(&db, "update notes set title = 'pinned' where id = 2").await;
    let error = note::Entity::archive_many().exec(&db).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.http_status()),
        (ErrorKind::Refused, 422)
    );
    assert_eq!(
        error.to_string(),
        "before_archive of notes returned an error, so nothing has changed: note 2 is pinned"
    );
    let Error::Hook(hook) = error else {
        panic!("{error}")
    };
    assert_eq!(hook.source.downcast_ref(), Some(&note::Pinned(2)));
    assert_eq!(count(&db, "deleted_notes").await, 0);
    assert_eq!(logged(&db).await, [""; 0]);
}

#[tokio::test]
async fn error_of_a_hook_leaves_the_callers_transaction_usable() {
    let (_database, db) = database().await;
    run(&db, "update notes set title = 'broken' where id = 2").await;
    let txn = db.begin().await.unwrap();
    note::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    let error = note::Entity::archive_by_id(2).exec(&txn).await.unwrap_err();
    // An error of the database, in what the hook has called.
    assert_eq!(
        (error.kind(), error.http_status()),
        (ErrorKind::Database, 500)
    );
    assert!(Error::find_in(&error).is_some());
    note::Entity::archive_by_id(3).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(count(&db, "deleted_notes").await, 2);
    // As an error of SeaORM it is the same.
    let error = DbErr::from(error);
    assert!(matches!(Error::find_in(&error), Some(Error::Hook(_))));
}

#[tokio::test]
async fn hooks_of_restores_and_purges_roll_back() {
    let (_database, db) = database().await;
    note::Entity::archive_by_id(1)
        .reason("legal")
        .exec(&db)
        .await
        .unwrap();
    let error = note::Entity::restore_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        error.to_string().contains("before_restore of notes"),
        "{error}"
    );
    let error = note::Entity::restore_many().exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("lawyer"), "{error}");
    note::Entity::archive_by_id(2)
        .reason("keep")
        .exec(&db)
        .await
        .unwrap();
    let error = note::Entity::purge_many().exec(&db).await.unwrap_err();
    assert!(
        error.to_string().contains("after_purge of notes"),
        "{error}"
    );
    assert_eq!(count(&db, "deleted_notes").await, 2);
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.archival where restored_at is null and purged_at is null"
        )
        .await,
        2
    );
}

#[tokio::test]
async fn call_is_tried_again_after_a_deadlock_in_a_hook() {
    let (_database, db) = database().await;
    run(&db, "update notes set title = 'deadlock' where id = 1").await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(number(&db, "select last_value from attempts").await, 2);
    assert_eq!(logged(&db).await, ["before_archive 1", "after_archive 1"]);
}

#[tokio::test]
async fn hook_that_deletes_its_root_is_refused() {
    let (_database, db) = database().await;
    run(
        &db,
        "delete from lines; update notes set title = 'removed' where id = 1",
    )
    .await;
    let error = note::Entity::archive_many().exec(&db).await.unwrap_err();
    assert!(error.to_string().contains("3 rows"), "{error}");
    assert_eq!(note::Entity::find().all(&db).await.unwrap().len(), 3);
}

#[tokio::test]
async fn error_of_a_move_without_a_root_is_that_of_the_move() {
    let (_database, db) = database().await;
    for error in [
        note::Entity::archive_by_id(9).exec(&db).await.map(drop),
        note::Entity::restore_by_id(9).exec(&db).await.map(drop),
        note::Entity::restore_by_id(1).exec(&db).await.map(drop),
    ] {
        assert!(matches!(
            error.unwrap_err().kind(),
            ErrorKind::NotFound | ErrorKind::Conflict
        ));
    }
    assert_eq!(logged(&db).await, [""; 0]);
}
