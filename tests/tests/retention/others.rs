//! Retention of archival records and of the audit log.

use blog::{post, tag};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{AuditSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_migration::SchemaManager;

use super::{archived, database};

#[tokio::test]
async fn records_expire_after_they_were_restored_or_purged() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let restored = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    restored.restore(&db).await.unwrap();
    let purged = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    purged.purge(&db).await.unwrap();
    let proof = post::Entity::archive_by_id(3)
        .metadata(serde_json::json!({"proof": true}))
        .exec(&db)
        .await
        .unwrap();
    proof.purge(&db).await.unwrap();
    let open = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "update archive.archival set archived_at = archived_at - interval '2400 hours',
             restored_at = restored_at - interval '2400 hours', purged_at = purged_at - interval '2400 hours'",
    )
    .await;
    manager
        .retain_archivals(Retention::days(101))
        .await
        .unwrap();
    let forever = Retention::forever().metadata(serde_json::json!({"proof": true}));
    manager.retain_archivals(forever).await.unwrap();
    let expired = || archival::Entity::purge_expired();
    assert_eq!(expired().exec(&db).await.unwrap().records, 0);
    manager
        .retain_archivals(Retention::days(100).named("records"))
        .await
        .unwrap();
    let preview = expired().preview(&db).await.unwrap();
    assert_eq!(
        (
            preview[0].policy.as_str(),
            preview[0].table.as_str(),
            preview[0].expired
        ),
        ("records", "archive.archival", 2)
    );
    assert_eq!(expired().exec(&db).await.unwrap().records, 2);
    let ids = texts(&db, "select id::text from archive.archival order by id").await;
    assert_eq!(ids, [proof.id.to_string(), open.id.to_string()]);
    open.restore(&db).await.unwrap();
    manager.drop_archivals_retention().await.unwrap();
    assert_eq!(expired().preview(&db).await.unwrap(), []);
    assert_eq!(archived(&db).await.len(), 0);
}

#[tokio::test]
async fn months_of_the_log_expire_with_their_details() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let refused = manager.retain_audit(Retention::days(1)).await;
    assert!(refused.is_err(), "the log is not installed");
    manager.install_audit().await.unwrap();
    manager.audit_table("tags").await.unwrap();
    let limited = manager.retain_audit(Retention::days(1).tenant("7")).await;
    let error = limited.unwrap_err().to_string();
    assert!(error.contains("whole months"), "{error}");
    run(
        &db,
        "select archive.set_context('7', null, null, '{\"client_address\": \"::1\"}');
         begin; select archive.set_context('7', null, null, '{\"client_address\": \"::1\"}'); update tags set name = 'now'; commit;
         create table archive.audit_entry_2020_01 partition of archive.audit_entry for values from ('2020-01-01Z') to ('2020-02-01Z');
         insert into archive.audit_details (at, transaction_id, details) select t, 1, '{}' from unnest('{2020-01-02Z, 2020-03-02Z}'::timestamptz[]) t;
         insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user)
             select t, 1, 'UPDATE', 'public.tags', 'x' from unnest('{2020-01-02Z, 2020-03-02Z}'::timestamptz[]) t;
         update archive.audited_table set audited_since = '2020-01-01Z'",
    )
    .await;
    manager
        .retain_audit(Retention::days(365).named("a year"))
        .await
        .unwrap();
    let expired = || archival::Entity::purge_expired();
    let preview = expired().preview(&db).await.unwrap();
    assert_eq!(
        (preview[0].policy.as_str(), preview[0].expired),
        ("a year", 2)
    );
    let purged = expired().exec(&db).await.unwrap();
    let month = "select count(*) from archive.audited_table where audited_since = date_trunc('month', (now() - interval '8760 hours') at time zone 'utc') at time zone 'utc'";
    assert!(purged.audit_before.is_some());
    assert_eq!(number(&db, month).await, 1);
    assert_eq!(
        number(&db, "select count(*) from archive.audit_entry").await,
        1
    );
    assert_eq!(
        number(&db, "select count(*) from archive.audit_details").await,
        1
    );
    let partition = "select count(*) from pg_class where relname = 'audit_entry_2020_01'";
    assert_eq!(number(&db, partition).await, 0);
    assert_eq!(expired().exec(&db).await.unwrap().audit_before, None);
    manager.drop_audit_retention().await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from archive.retention").await,
        0
    );
}
