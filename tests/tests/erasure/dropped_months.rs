//! Months of the audit log that are dropped while a person is erased.

use sea_orm::DatabaseConnection;
use sea_orm_archive::Certificate;
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{count, number, run};
use sea_orm_migration::SchemaManager;

use super::assert_gone;
use super::people::{comment, people, person};

const VALUES: [&str; 5] = ["ada@", "lovelace", "byron", "20 1815", "from ada"];

/// The log alone contains comment 2, which was purged.
async fn database() -> (Database, DatabaseConnection) {
    let database = people().await;
    let db = database.connect().await;
    run(&db, "delete from attachments where comment_id = 2").await;
    let archival = comment::Entity::archive_by_id(2).exec(&db).await.unwrap();
    archival.purge(&db).await.unwrap();
    (database, db)
}

/// How many values the certificate counts in entries.
fn in_entries(certificate: &Certificate) -> u64 {
    let places = certificate
        .places
        .iter()
        .filter(|place| place.place == "archive.audit_entry");
    places.map(|place| place.values).sum()
}

/// Between any two steps. The certificate counts the values that the erasure itself has erased in entries: none of those that were dropped before.
#[tokio::test]
async fn certificate_counts_no_value_of_a_month_that_was_dropped() {
    let mut counted = Vec::new();
    for dropped_after in 0.. {
        let (_database, db) = database().await;
        let mut batches = person::Entity::erase_by_id(1).in_batches(2);
        let mut last = None;
        let mut steps = 0;
        while let Some(certificate) = batches.next(&db).await.unwrap() {
            steps += 1;
            let erased = number(&db, "select coalesce(sum(values), 0)::bigint from archive.erased_place where place = 'archive.audit_entry'").await;
            assert_eq!(in_entries(&certificate), erased.unsigned_abs());
            last = Some(certificate);
            if steps == dropped_after {
                SchemaManager::new(&db)
                    .drop_audit_partitions("2100-01-01")
                    .await
                    .unwrap();
                assert_eq!(count(&db, "archive.audit_entry").await, 0);
            }
        }
        let certificate = last.unwrap();
        assert!(certificate.is_complete(), "{certificate}");
        assert_gone(&db, &VALUES).await;
        assert_eq!(count(&db, "persons where email like 'erased-%'").await, 1);
        counted.push(in_entries(&certificate));
        if dropped_after > steps {
            break;
        }
    }
    // The later they were dropped, the more were erased before.
    assert!(counted[1..].is_sorted(), "{counted:?}");
    assert!(counted[1] < counted[counted.len() - 1], "{counted:?}");
}

#[tokio::test]
async fn months_are_dropped_after_the_step_that_reads_them_and_a_step_waits_for_a_drop() {
    let (database, db) = database().await;
    let (_, dropped) = race! { database;
        eraser holds |txn| person::Entity::erase_by_id(1).exec(txn);
        dropper waits for eraser |db| drop_months(db);
        eraser commits;
    };
    dropped.unwrap();
    assert_gone(&db, &VALUES).await;
    let (database, db) = self::database().await;
    let (_, erased) = race! { database;
        dropper holds |txn| drop_months(txn);
        eraser waits for dropper |db| person::Entity::erase_by_id(1).exec(db);
        dropper commits;
    };
    assert!(erased.unwrap().is_complete());
    assert_gone(&db, &VALUES).await;
}

async fn drop_months(db: &impl sea_orm::ConnectionTrait) -> Result<(), Error> {
    db.execute_unprepared("select archive.drop_audit_before('2100-01-01')")
        .await?;
    Ok(())
}
