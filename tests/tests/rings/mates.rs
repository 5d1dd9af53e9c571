//! People who are each other's mate.

use sea_orm::DatabaseConnection;
use sea_orm_archive::archival::{self, Model as Archival};
use sea_orm_archive::error::{ConflictError, NotFoundError, RetryError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dump, number, run, texts};
use sea_orm_archive_tests::tables::tables;
use sea_orm_archive_tests::{assert_log_agrees, race};
use sea_orm_migration::SchemaManager;

use super::entities::{friend, mate};

const TABLE: &str = "create table mates (id bigint primary key,
    mate_id bigint constraint mates_mate references mates on delete set null)";

/// 1 and 2 are each other's mate, 3, 4 and 5 a ring, and 6 has the mate 1.
const ROWS: &str = "insert into mates values (1, null), (2, 1), (3, null), (4, 3), (5, 4), (6, 1);
    update mates set mate_id = 2 where id = 1; update mates set mate_id = 5 where id = 3";

async fn mates() -> (Database, DatabaseConnection) {
    tables(&format!("{TABLE}; {ROWS}"), &["mates"]).await
}

async fn archived(db: &DatabaseConnection) -> Vec<Archival> {
    mate::Entity::archive_many().exec(db).await.unwrap()
}

fn ids(archivals: &[Archival]) -> Vec<i64> {
    archivals.iter().map(|archival| archival.id).collect()
}

#[tokio::test]
async fn each_archival_of_a_ring_restores_all_of_it() {
    for first in 1..=5_i64 {
        let (_database, db) = mates().await;
        let rows = dump(&db, "mates").await;
        archived(&db).await;
        let ring: &[i64] = if first < 3 { &[1, 2] } else { &[3, 4, 5] };
        let preview = mate::Entity::restore_by_id(first)
            .preview(&db)
            .await
            .unwrap();
        assert_eq!(
            (preview.conflicts.as_slice(), preview.together.len()),
            (&[][..], ring.len() - 1)
        );
        assert_eq!(preview.rows["public.mates"], ring.len() as u64);
        let restored = mate::Entity::restore_by_id(first)
            .by(7)
            .exec(&db)
            .await
            .unwrap();
        assert_eq!(
            restored.archival.root_key,
            serde_json::json!({ "id": first })
        );
        assert_eq!(restored.rows["public.mates"], ring.len() as u64);
        assert_eq!(ids(&restored.together), preview.together);
        assert!(
            restored
                .together
                .iter()
                .all(|a| a.restored_at.is_some() && a.restored_by.as_deref() == Some("7"))
        );
        assert!(restored.missing.is_empty() && restored.waiting.is_empty());
        let active = texts(&db, "select id::text from mates order by id").await;
        assert_eq!(active, ring.iter().map(i64::to_string).collect::<Vec<_>>());
        for other in [1, 3, 6] {
            match mate::Entity::restore_by_id(other).exec(&db).await {
                Ok(_) | Err(Error::Conflict(ConflictError::NotArchived { .. })) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(dump(&db, "mates").await, rows);
        assert_eq!(number(&db, "select count(*) from deleted_mates").await, 0);
        assert_eq!(
            number(
                &db,
                "select count(*) from archive.archival where restored_at is null"
            )
            .await,
            0
        );
    }
}

#[tokio::test]
async fn root_that_waits_for_a_ring_is_refused_and_names_it() {
    let (_database, db) = mates().await;
    let archivals = archived(&db).await;
    let error = mate::Entity::restore_by_id(6).exec(&db).await.unwrap_err();
    let Error::Conflict(ConflictError::ParentArchived { archival, .. }) = error else {
        panic!("{error:?}");
    };
    let one = archivals
        .iter()
        .find(|a| a.root_key == serde_json::json!({ "id": 1 }));
    assert_eq!(Some(archival), one.map(|a| a.id));
    assert_eq!(number(&db, "select count(*) from mates").await, 0);
}

/// A ring of which one root also refers to a row that no archival of the ring has.
#[tokio::test]
async fn ring_that_waits_for_another_archival_is_refused_and_unchanged() {
    let (_database, db) = tables(
        "create table mates (id bigint primary key, mate_id bigint constraint mates_mate references mates on delete set null,
             friend_id bigint constraint mates_friend references mates on delete set null);
         insert into mates values (1, null, null), (2, 1, null), (9, null, null);
         update mates set mate_id = 2, friend_id = 9 where id = 1",
        &["mates"],
    )
    .await;
    let rows = dump(&db, "mates").await;
    friend::Entity::archive_many().exec(&db).await.unwrap();
    let state = "select concat_ws(' ', id, archival_id) from deleted_mates order by 1";
    let before = texts(&db, state).await;
    let nine = number(&db, "select archival_id from deleted_mates where id = 9").await;
    for id in [1, 2] {
        let preview = friend::Entity::restore_by_id(id)
            .preview(&db)
            .await
            .unwrap();
        assert!(
            matches!(preview.conflicts.as_slice(), [Conflict::MissingParent { archival: Some(archival), constraint, .. }]
                if *archival == nine && constraint == "mates_friend"),
            "{:?}",
            preview.conflicts
        );
        friend::Entity::restore_by_id(id)
            .exec(&db)
            .await
            .unwrap_err();
        assert_eq!(texts(&db, state).await, before);
    }
    friend::Entity::restore_by_id(9).exec(&db).await.unwrap();
    friend::Entity::restore_by_id(2).exec(&db).await.unwrap();
    assert_eq!(dump(&db, "mates").await, rows);
}

#[tokio::test]
async fn log_of_a_restored_ring_agrees() {
    let (_database, db) = tables(TABLE, &["mates"]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("mates").await.unwrap();
    run(&db, ROWS).await;
    let rows = dump(&db, "mates").await;
    archived(&db).await;
    for id in [2, 4, 6] {
        mate::Entity::restore_by_id(id).exec(&db).await.unwrap();
    }
    assert_eq!(dump(&db, "mates").await, rows);
    assert_log_agrees(&db, &["mates"]).await;
}

/// A detached link that belongs to another archival of the ring.
#[tokio::test]
async fn links_of_each_archival_of_a_ring_are_put_back() {
    let (_database, db) = mates().await;
    run(&db, "insert into mates values (7, 2), (8, 1)").await;
    let rows = dump(&db, "mates").await;
    let pair =
        mate::Entity::archive_many().filter(sea_orm::ColumnTrait::is_in(&mate::Column::Id, [1, 2]));
    assert_eq!(pair.exec(&db).await.unwrap().len(), 2);
    let restored = mate::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!((restored.relinked, restored.not_relinked.len()), (3, 0));
    assert_eq!(dump(&db, "mates").await, rows);
}

/// Race: the restores of both lock their own archival first, and then the other one.
#[tokio::test]
async fn ring_is_restored_once_by_two_restores_that_begin_with_different_archivals() {
    let (database, db) = mates().await;
    let rows = dump(&db, "mates").await;
    for _ in 0..5 {
        archived(&db).await;
        let (first, second) = (database.connect().await, database.connect().await);
        let (first, second) = tokio::join!(
            mate::Entity::restore_by_id(1).exec(&first),
            mate::Entity::restore_by_id(2).exec(&second),
        );
        let done = [first, second].into_iter().filter(|outcome| match outcome {
            Ok(restored) => {
                assert_eq!(restored.rows["public.mates"], 2);
                true
            }
            Err(
                Error::Conflict(ConflictError::NotArchived { .. })
                | Error::NotFound(NotFoundError::Archival { .. }),
            )
            | Err(Error::Retry(RetryError::Contention { .. })) => false,
            Err(error) => panic!("{error}"),
        });
        assert_eq!(done.count(), 1);
        for id in [3, 6] {
            mate::Entity::restore_by_id(id).exec(&db).await.unwrap();
        }
        assert_eq!(dump(&db, "mates").await, rows);
    }
}

/// The root of an archival is the root also after its key was renamed: it is never deferred to the archival of its parent.
#[tokio::test]
async fn root_with_a_renamed_key_is_not_deferred_to_its_parent() {
    let (_database, db) = mates().await;
    run(&db, "insert into mates values (10, null), (11, 10)").await;
    let archivals = archived(&db).await;
    let of = |id: i64| {
        archivals
            .iter()
            .find(|a| a.root_key == serde_json::json!({ "id": id }))
            .unwrap()
    };
    let (parent, child) = (of(10), of(11));
    run(
        &db,
        "alter table mates rename id to person; alter table deleted_mates rename id to person",
    )
    .await;
    for _ in 0..2 {
        let error = child.restore(&db).await.unwrap_err();
        assert!(
            matches!(error, Error::Conflict(ConflictError::ParentArchived { archival, .. }) if archival == parent.id),
            "{error:?}"
        );
    }
    parent.restore(&db).await.unwrap();
    child.restore(&db).await.unwrap();
}

/// The parent is archived, and a policy hides it from the role: it was not deleted, so the link is not cut.
#[tokio::test]
async fn parent_that_a_policy_hides_is_missing_and_not_deleted() {
    let (database, db) = mates().await;
    archived(&db).await;
    let role = database.role("web").await;
    let grants = format!(
        "grant select, insert, update, delete on mates, deleted_mates to \"{role}\";
         alter table deleted_mates enable row level security;
         create policy own on deleted_mates to \"{role}\" using (id <> 1)"
    );
    run(&db, &grants).await;
    SchemaManager::new(&db).grant_archive(&role).await.unwrap();
    let web = database.connect_as("web").await;
    for id in [6, 2] {
        let error = mate::Entity::restore_by_id(id).exec(&web).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("no archive table that this role may read has it"),
            "{error}"
        );
    }
    assert_eq!(number(&db, "select count(*) from mates").await, 0);
}

/// Race: a member of the ring is purged while the restore waits for it. The other one no longer waits for its parent, which was
/// deleted for good.
#[tokio::test]
async fn restore_that_waited_for_a_purged_member_of_its_ring_is_done() {
    let (database, db) = mates().await;
    archived(&db).await;
    let of = |id: i64| format!("select archival_id from deleted_mates where id = {id}");
    let (one, two) = (number(&db, &of(1)).await, number(&db, &of(2)).await);
    let (_, restored) = race! { database;
        first holds |txn| archival::Entity::purge_by_id(two).exec(txn);
        second waits for first |db| archival::Entity::restore_by_id(one).exec(db);
        first commits;
    };
    let restored = restored.unwrap();
    assert_eq!(
        (restored.together.len(), restored.not_relinked.len()),
        (0, 1)
    );
    assert_eq!(
        texts(&db, "select concat_ws(' ', id, mate_id) from mates").await,
        ["1"]
    );
}
