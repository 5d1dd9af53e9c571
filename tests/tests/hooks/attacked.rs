//! What has been allowed to one call is not allowed to the next one.

use sea_orm::TransactionTrait;
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{count, run};

use super::entities::note;
use super::{database, logged};

/// Its hooks before the restore have run. Those of a purge have not, and neither have those after the restore.
#[tokio::test]
async fn archival_that_a_call_has_left_out_is_not_moved_by_another_without_hooks() {
    let (_database, db) = database().await;
    let archival = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into notes values (50, null, 'one')").await;
    let txn = db.begin().await.unwrap();
    let restored = note::Entity::restore_many()
        .skip_conflicts()
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(restored.archivals.len(), 0);
    run(&txn, "delete from notes where id = 50").await;
    logged(&txn).await;
    for moved in [
        archival.purge(&txn).await.map(drop),
        archival.restore(&txn).await.map(drop),
    ] {
        assert!(
            matches!(
                moved,
                Err(Error::Refused(RefusedError::SkippedHooks { .. }))
            ),
            "{moved:?}"
        );
    }
    note::Entity::restore_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(logged(&txn).await, ["before_restore 1", "after_restore 1"]);
    txn.commit().await.unwrap();
    assert_eq!(count(&db, "deleted_notes").await, 0);
}
