//! When hooks run: once for each root, in every verb of the entity.

use sea_orm::{ColumnTrait, EntityTrait, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{count, run};

use super::entities::{folder, line, note};
use super::{database, logged};

#[tokio::test]
async fn hooks_run_once_for_a_root_around_its_move() {
    let (_database, db) = database().await;
    let archival = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(logged(&db).await, ["before_archive 1", "after_archive 1"]);
    assert_eq!(archival.rows()["public.lines"], 1);
    let restored = note::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(restored.archival.id, archival.id);
    assert_eq!(logged(&db).await, ["before_restore 1", "after_restore 1"]);

    let model = note::Entity::find_by_id(1).one(&db).await.unwrap().unwrap();
    model.archive(&db).await.unwrap();
    let deleted = note::deleted::Entity::find_by_id(1).one(&db).await.unwrap();
    deleted.unwrap().restore(&db).await.unwrap();
    assert_eq!(logged(&db).await.len(), 4);

    // The notes of a folder are no roots.
    folder::Entity::archive_by_id(1).exec(&db).await.unwrap();
    folder::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(logged(&db).await, ["after_archive 1", "after_restore 1"]);
}

#[tokio::test]
async fn hooks_of_a_set_run_for_each_root() {
    let (_database, db) = database().await;
    let archived = note::Entity::archive_many()
        .filter(note::Column::Id.lte(2))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archived.len(), 2);
    assert_eq!(
        logged(&db).await,
        [
            "before_archive 1",
            "before_archive 2",
            "after_archive 1",
            "after_archive 2"
        ]
    );
    let restored = note::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored.archivals.len(), 2);
    assert_eq!(
        logged(&db).await,
        [
            "before_restore 1",
            "before_restore 2",
            "after_restore 1",
            "after_restore 2"
        ]
    );
    assert!(
        note::Entity::archive_many()
            .filter(note::Column::Id.eq(9))
            .exec(&db)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        note::Entity::restore_many()
            .exec(&db)
            .await
            .unwrap()
            .archivals,
        []
    );
    assert_eq!(
        note::Entity::purge_many()
            .exec(&db)
            .await
            .unwrap()
            .archivals,
        0
    );

    let mut batches = note::Entity::archive_many().in_batches(2);
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(logged(&db).await.len(), 6);
    let mut batches = note::Entity::restore_many().in_batches(1);
    batches.next(&db).await.unwrap();
    let mut batches = note::Entity::purge_many().in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    let logged = logged(&db).await;
    assert_eq!(&logged[..2], ["before_restore 3", "after_restore 3"]);
    assert_eq!(
        &logged[2..],
        [
            "before_purge 1",
            "after_purge 1",
            "before_purge 2",
            "after_purge 2"
        ]
    );
}

#[tokio::test]
async fn previews_and_rehearsals_run_no_hook() {
    let (_database, db) = database().await;
    note::Entity::archive_by_id(1).preview(&db).await.unwrap();
    assert_eq!(
        note::Entity::archive_by_id(1)
            .rehearse(&db)
            .await
            .unwrap()
            .refused,
        None
    );
    assert_eq!(logged(&db).await, [""; 0]);
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    logged(&db).await;
    let preview = note::Entity::restore_by_id(1).preview(&db).await.unwrap();
    assert_eq!(preview.rows["public.notes"], 1);
    assert_eq!(
        note::Entity::restore_many()
            .preview(&db)
            .await
            .unwrap()
            .archivals
            .len(),
        1
    );
    assert_eq!(
        note::Entity::purge_many()
            .preview(&db)
            .await
            .unwrap()
            .archivals,
        1
    );
    assert_eq!(logged(&db).await, [""; 0]);
}

/// A trigger of the application lets the archive prove its restore.
#[tokio::test]
async fn proof_of_an_archive_runs_no_hook() {
    let (_database, db) = database().await;
    run(
        &db,
        "create function keep() returns trigger language plpgsql as $$ begin return new; end $$;
         create trigger keep before insert on notes for each row execute function keep()",
    )
    .await;
    note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    note::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(logged(&db).await.len(), 4);
}

#[tokio::test]
async fn hooks_run_in_the_transaction_of_the_caller() {
    let (_database, db) = database().await;
    let txn = db.begin().await.unwrap();
    note::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(logged(&txn).await.len(), 2);
    note::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(logged(&db).await, [""; 0]);
    assert_eq!(count(&db, "notes").await, 3);
}

/// The row that the hook reads is the row that moves.
#[tokio::test]
async fn hook_waits_for_a_change_of_its_root() {
    let (database, db) = database().await;
    let (_, archived) = race! { database;
        writer holds |txn| sea_orm::ConnectionTrait::execute_unprepared(txn, "update notes set title = 'pinned' where id = 1");
        archiver waits for writer |db| note::Entity::archive_by_id(1).exec(db);
        writer commits;
    };
    assert!(archived.unwrap_err().to_string().contains("pinned"));
    assert_eq!(count(&db, "notes").await, 3);
}

#[tokio::test]
async fn entity_whose_hooks_are_all_of_archives_is_restored_and_purged_by_any_call() {
    let (_database, db) = database().await;
    let archival = line::Entity::archive_by_id(3).exec(&db).await.unwrap();
    assert_eq!(logged(&db).await, ["line 3"]);
    archival.restore(&db).await.unwrap();
    let archival = line::Entity::archive_by_id(3).exec(&db).await.unwrap();
    archival.purge(&db).await.unwrap();
}
