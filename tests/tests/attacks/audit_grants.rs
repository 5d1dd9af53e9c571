//! The grants to read the audit log and to maintain it.

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use sea_orm_archive::audit;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, AuditedTable};
use sea_orm_migration::SchemaManager;
use serde_json::json;

use crate::attacks::audited::{Audited, json, run};

async fn open() -> (Audited, DatabaseConnection) {
    let audited = Audited::new(
        "create table notes (id int primary key, note text)",
        vec![AuditedTable::new("notes")],
        &["notes"],
    )
    .await;
    let maintainer = audited.database.role("maintainer").await;
    audited
        .manager()
        .grant_audit_maintenance(&maintainer)
        .await
        .unwrap();
    let maintainer = audited.database.connect_as("maintainer").await;
    (audited, maintainer)
}

async fn denied(db: &impl ConnectionTrait, sql: &str) {
    let error = db.execute_unprepared(sql).await.expect_err(sql).to_string();
    assert!(error.contains("permission denied"), "{sql}: {error}");
}

const MAKE: &str = "select archive.make_audit_partitions(4)";

#[tokio::test]
async fn reading_and_maintaining_the_log_are_two_grants() {
    let (audited, maintainer) = open().await;
    // The application archives, and reads the log, and may not maintain it.
    denied(&audited.web, MAKE).await;
    let archiver = audited.database.role("archiver").await;
    audited.manager().grant_archive(&archiver).await.unwrap();
    let archiver = audited.database.connect_as("archiver").await;
    denied(&archiver, MAKE).await;
    for log in [
        "audit_entry",
        "audit_details",
        "audited_table",
        "audit_entry_default",
    ] {
        denied(&maintainer, &format!("select from archive.{log}")).await;
    }
    assert_eq!(audit::make_partitions(&maintainer, 4).await.unwrap(), 1);
    // Each grant can be revoked alone.
    let (web, name) = (
        audited.database.role("web").await,
        audited.database.role("maintainer").await,
    );
    let manager = audited.manager();
    manager.grant_audit(&name).await.unwrap();
    manager.revoke_audit(&name).await.unwrap();
    denied(&maintainer, "select from archive.audit_entry").await;
    assert_eq!(audit::make_partitions(&maintainer, 4).await.unwrap(), 0);
    manager.grant_audit_maintenance(&web).await.unwrap();
    manager.revoke_audit_maintenance(&web).await.unwrap();
    denied(&audited.web, MAKE).await;
    run(&audited.web, "select from archive.audit_entry").await;
    manager.revoke_audit_maintenance(&name).await.unwrap();
    denied(&maintainer, MAKE).await;
    // A second install does not grant it again.
    manager.install_audit().await.unwrap();
    denied(&maintainer, MAKE).await;
}

#[tokio::test]
async fn maintainer_creates_partitions_for_at_most_two_years() {
    let (audited, maintainer) = open().await;
    assert!(audit::make_partitions(&maintainer, 25).await.is_err());
    for _ in 0..2 {
        audit::make_partitions(&maintainer, 24).await.unwrap();
    }
    let partitions = "select to_jsonb(count(*)) from pg_inherits where inhparent = 'archive.audit_entry'::regclass";
    assert_eq!(json(&audited.owner, partitions).await, [json!(26)]);
}

const LOCKS: &str = "
    select to_jsonb(concat_ws(' ', case when relation = 'archive.audit_entry'::regclass then 'the log'
                                        when relation = 'archive.audit_entry_default'::regclass then 'the default' else 'a month' end, mode))
    from pg_locks where locktype = 'relation' and pid = PID and relation in (
        select inhrelid from pg_inherits where inhparent = 'archive.audit_entry'::regclass union select 'archive.audit_entry'::regclass::oid) group by 1 order by 1";

#[tokio::test]
async fn maintenance_that_creates_nothing_acquires_no_lock() {
    let (audited, _maintainer) = open().await;
    let maintainer = audited
        .database
        .session_as("maintainer", "maintainer")
        .await;
    let locks = LOCKS.replace("PID", &maintainer.pid().to_string());
    let txn = maintainer.db().begin().await.unwrap();
    run(&txn, "select archive.make_audit_partitions(3)").await;
    assert_eq!(
        json(&audited.owner, &locks).await,
        Vec::<serde_json::Value>::new()
    );
    // It acquires locks if a partition is missing.
    run(&txn, MAKE).await;
    let taken = json(&audited.owner, &locks).await;
    assert!(
        taken.contains(&json!("the default AccessExclusiveLock"))
            && taken.contains(&json!("the log ShareUpdateExclusiveLock")),
        "{taken:?}"
    );
    // The existing months are not locked, so writes to them do not wait.
    run(
        &audited.web,
        "set lock_timeout = '2s'; insert into notes values (1, 'a'); update notes set note = 'b'; delete from notes",
    )
    .await;
    txn.commit().await.unwrap();
    assert_eq!(audited.entries().await.len(), 3);
}

/// Race: maintenance waits for an open read, and other statements wait behind it. Maintenance gives up after two
/// seconds, so that they continue.
#[tokio::test]
async fn open_read_does_not_block_reads_or_writes_through_waiting_maintenance() {
    let (audited, _maintainer) = open().await;
    let reader = audited.database.session_as("reader", "web").await;
    let maintainer = audited
        .database
        .session_as("maintainer", "maintainer")
        .await;
    let reading = reader.db().begin().await.unwrap();
    run(&reading, "select count(*) from archive.audit_entry").await;
    let db = maintainer.db();
    let creating = maintainer.start(async move { audit::make_partitions(&db, 4).await });
    audited
        .database
        .wait_until_blocked_by(&maintainer, &reader)
        .await;
    // These start while it waits.
    run(
        &audited.web,
        "set lock_timeout = '10s'; insert into notes values (1, 'a')",
    )
    .await;
    run(
        &audited.web,
        "set lock_timeout = '10s'; select count(*) from archive.audit_entry",
    )
    .await;
    let error = creating.finish().await.unwrap_err().to_string();
    assert!(
        error.contains("holds a lock") && error.contains("make_audit_partitions"),
        "{error}"
    );
    reading.commit().await.unwrap();
    let db = maintainer.db();
    assert_eq!(audit::make_partitions(&db, 4).await.unwrap(), 1);
}

#[tokio::test]
async fn revoke_archive_preserves_the_audit_grants() {
    let (database, db) = crate::attacks::blog::blog().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    let role = database.role("web").await;
    manager.grant_audit(&role).await.unwrap();
    manager.grant_audit_maintenance(&role).await.unwrap();
    manager.revoke_archive(&role).await.unwrap();
    let web = database.connect_as("web").await;
    for allowed in [
        "select count(*) from archive.audit_entry",
        "select archive.make_audit_partitions(1)::bigint",
    ] {
        crate::attacks::blog::number(&web, allowed).await;
    }
    let refused = crate::attacks::blog::attempt(&web, "select from archive.archival").await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("permission denied")
    );
    manager.revoke_audit_maintenance(&role).await.unwrap();
    manager.revoke_audit(&role).await.unwrap();
}
