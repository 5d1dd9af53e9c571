//! Which versions have expired, in which order they go, and what is recorded.

use sea_orm::TransactionTrait;
use sea_orm_archive::archival;
use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, HistoryTable, Retention, RetentionSchema,
};
use sea_orm_archive_tests::sql::{json, number, run, texts};
use sea_orm_migration::SchemaManager;

use super::{database, history, left, previewed, purge};

#[tokio::test]
async fn versions_expire_so_long_after_their_period_and_the_last_one_stays() {
    let (_database, db) = database().await;
    let preview = archival::Entity::purge_expired()
        .preview(&db)
        .await
        .unwrap();
    let [line] = preview.as_slice() else {
        panic!("{preview:?}")
    };
    assert_eq!(
        (line.policy.as_str(), line.table.as_str(), line.expired),
        (
            "public.department_history: 40 days",
            "public.department_history",
            3
        )
    );
    let oldest = format!(
        "select count(*) from department_history where name = 'A' and valid_to = '{}'",
        line.oldest
    );
    assert_eq!(number(&db, &oldest).await, 1);
    assert_eq!(left(&db).await, "ABCDEF");
    let purged = purge(&db).await;
    assert_eq!((purged.versions, purged.archivals), (3, 0));
    assert_eq!(purged.not_allowed, Vec::<String>::new());
    assert_eq!(left(&db).await, "CDF");
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (0, 0));
    // With a rule of no days everything that has ended goes, except the last version of each department.
    let manager = SchemaManager::new(&db);
    let none = Retention::days(0);
    manager
        .retain_versions("department_history", none)
        .await
        .unwrap();
    assert_eq!(purge(&db).await.versions, 1);
    assert_eq!(left(&db).await, "DF");
}

#[tokio::test]
async fn period_that_ended_exactly_so_long_ago_has_expired() {
    let (_database, db) = database().await;
    run(&db, "delete from department_history").await;
    let txn = db.begin().await.unwrap();
    run(
        &txn,
        "insert into department_history (department_id, name, valid_from, valid_to) values
             (1, 'A', now() - interval '2400 hours', now() - interval '960 hours'), (1, 'B', now(), null),
             (2, 'C', now() - interval '2400 hours', now() - interval '960 hours' + interval '1 microsecond'), (2, 'D', now(), null)",
    )
    .await;
    let purged = archival::Entity::purge_expired().exec(&txn).await.unwrap();
    assert_eq!((purged.versions, left(&txn).await), (1, "BCD".to_owned()));
}

#[tokio::test]
async fn dates_expire_when_the_day_on_which_they_end_has_begun_so_long_ago() {
    let rows = "insert into versions (thing_id, name, valid_from, valid_to) values
             (1, 'A', current_date - 30, current_date - 10), (1, 'B', current_date - 10, null),
             (2, 'C', current_date - 30, current_date - 9), (2, 'D', current_date - 9, null)";
    let (_database, db) = history(HistoryTable::new("versions").dates(), rows).await;
    let manager = SchemaManager::new(&db);
    let rule = || Retention::days(10);
    manager.retain_versions("versions", rule()).await.unwrap();
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (1, 1));
    let names = texts(&db, "select name from versions order by name").await;
    assert_eq!(names.concat(), "BCD");
}

/// A corrected version expires when it has been corrected for so long, or when its period has ended so long ago. It is not the last one of
/// an identity.
#[tokio::test]
async fn corrected_versions_expire_after_their_correction() {
    let rows = "insert into versions (thing_id, name, valid_from, valid_to, recorded_from, recorded_to)
         select d, n, now() - f * interval '24 hours', now() - t * interval '24 hours', now() - interval '9600 hours', now() - r * interval '24 hours'
         from (values (1, 'A', 200, null, 50), (1, 'B', 200, 20, 50), (1, 'C', 200, 20, 5), (1, 'D', 200, 50, 5), (1, 'E', 200, 150, null), (1, 'F', 150, 120, null),
                      (2, 'G', 200, 150, null), (2, 'H', 150, 10, 5)) as v (d, n, f, t, r)";
    let (_database, db) = history(HistoryTable::new("versions").bitemporal(), rows).await;
    let manager = SchemaManager::new(&db);
    let rule = Retention::days(40);
    manager.retain_versions("versions", rule).await.unwrap();
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (4, 4));
    let names = texts(&db, "select name from versions order by name").await;
    assert_eq!(names.concat(), "CFGH");
    run(
        &db,
        "update versions set recorded_to = now() where name = 'F'",
    )
    .await;
    assert_eq!(purge(&db).await.versions, 1);
    let names = texts(&db, "select name from versions order by name").await;
    assert_eq!(names.concat(), "CGH");
}

#[tokio::test]
async fn batches_are_transactions_of_their_own_and_another_process_goes_on() {
    let (database, db) = database().await;
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    assert_eq!(batches.next(&db).await.unwrap().unwrap().versions, 1);
    assert_eq!(left(&db).await, "BCDEF");
    let other = database.connect().await;
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    let mut order = Vec::new();
    while let Some(batch) = batches.next(&other).await.unwrap() {
        assert_eq!(batch.versions, 1);
        order.push(left(&db).await);
    }
    assert_eq!(order, ["BCDF", "CDF"]);
}

#[tokio::test]
async fn procedure_purges_versions_too() {
    let (_database, db) = database().await;
    let batch = json(&db, "select archive.purge_expired(2)").await;
    assert_eq!(
        (&batch[0]["versions"], &batch[0]["more"]),
        (&2.into(), &true.into())
    );
    run(&db, "call archive.purge_all_expired(1)").await;
    assert_eq!(left(&db).await, "CDF");
}

/// The log records the versions as deleted, by the actor of the purge.
#[tokio::test]
async fn log_records_expired_versions_as_deleted() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    run(&db, "delete from department_history").await;
    manager.audit_table("department_history").await.unwrap();
    let versions = super::VERSIONS.replace("insert into departments values (1), (2);", "");
    run(&db, &versions).await;
    let purge = archival::Entity::purge_expired().by("nightly");
    assert_eq!(purge.exec(&db).await.unwrap().versions, 3);
    let deleted = "select concat(actor, ' ', old->>'name') from archive.audit_entry where operation = 'DELETE' order by 1";
    assert_eq!(
        texts(&db, deleted).await,
        ["nightly A", "nightly B", "nightly E"]
    );
    assert_eq!(sea_orm_archive::check(&db).await.unwrap(), []);
}

/// The history has an archive table: an archived version belongs to its archival, whose rule is another one.
#[tokio::test]
async fn archived_versions_follow_the_rule_of_their_archival() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    run(&db, "drop table user_audit, labels").await;
    for table in ["departments", "department_history"] {
        manager.archive_existing_table(table).await.unwrap();
    }
    run(
        &db,
        "insert into deleted_department_history (id, department_id, name, valid_from, valid_to, deleted_at, archival_id)
             select 90, 9, 'Z', valid_from, valid_to, now(), 7 from department_history where name = 'A'",
    )
    .await;
    assert_eq!(purge(&db).await.versions, 3);
    let archived = "select count(*) from deleted_department_history";
    assert_eq!(number(&db, archived).await, 1);
}
