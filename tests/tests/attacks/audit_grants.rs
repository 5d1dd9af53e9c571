//! What reading the audit log and maintaining it each allow.

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
    let keeper = audited.database.role("keeper").await;
    audited
        .manager()
        .grant_audit_maintenance(&keeper)
        .await
        .unwrap();
    let keeper = audited.database.connect_as("keeper").await;
    (audited, keeper)
}

async fn denied(db: &impl ConnectionTrait, sql: &str) {
    let error = db.execute_unprepared(sql).await.expect_err(sql).to_string();
    assert!(error.contains("permission denied"), "{sql}: {error}");
}

const MAKE: &str = "select archive.make_audit_partitions(4)";

#[tokio::test]
async fn reading_and_maintaining_the_log_are_two_grants() {
    let (audited, keeper) = open().await;
    // The application archives, and reads the log.
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
        denied(&keeper, &format!("select from archive.{log}")).await;
    }
    assert_eq!(audit::make_partitions(&keeper, 4).await.unwrap(), 1);
    // Each is taken back by itself.
    let (web, name) = (
        audited.database.role("web").await,
        audited.database.role("keeper").await,
    );
    let manager = audited.manager();
    manager.grant_audit(&name).await.unwrap();
    manager.revoke_audit(&name).await.unwrap();
    denied(&keeper, "select from archive.audit_entry").await;
    assert_eq!(audit::make_partitions(&keeper, 4).await.unwrap(), 0);
    manager.grant_audit_maintenance(&web).await.unwrap();
    manager.revoke_audit_maintenance(&web).await.unwrap();
    denied(&audited.web, MAKE).await;
    run(&audited.web, "select from archive.audit_entry").await;
    manager.revoke_audit_maintenance(&name).await.unwrap();
    denied(&keeper, MAKE).await;
    // A second install gives nothing back.
    manager.install_audit().await.unwrap();
    denied(&keeper, MAKE).await;
}

#[tokio::test]
async fn a_maintainer_makes_partitions_for_two_years_and_no_more() {
    let (audited, keeper) = open().await;
    assert!(audit::make_partitions(&keeper, 25).await.is_err());
    for _ in 0..2 {
        audit::make_partitions(&keeper, 24).await.unwrap();
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
async fn maintenance_that_makes_nothing_takes_no_lock() {
    let (audited, _keeper) = open().await;
    let keeper = audited.database.session_as("keeper", "keeper").await;
    let locks = LOCKS.replace("PID", &keeper.pid().to_string());
    let txn = keeper.db().begin().await.unwrap();
    run(&txn, "select archive.make_audit_partitions(3)").await;
    assert_eq!(
        json(&audited.owner, &locks).await,
        Vec::<serde_json::Value>::new()
    );
    // What it takes where something is missing.
    run(&txn, MAKE).await;
    let taken = json(&audited.owner, &locks).await;
    assert!(
        taken.contains(&json!("the default AccessExclusiveLock"))
            && taken.contains(&json!("the log ShareUpdateExclusiveLock")),
        "{taken:?}"
    );
    // No month that was there before is locked, and so none of its writes waits.
    run(
        &audited.web,
        "set lock_timeout = '2s'; insert into notes values (1, 'a'); update notes set note = 'b'; delete from notes",
    )
    .await;
    txn.commit().await.unwrap();
    assert_eq!(audited.entries().await.len(), 3);
}

/// A reader holds nothing up: maintenance gives up after two seconds, and with it those that wait behind it go on.
#[tokio::test]
async fn an_open_read_holds_up_neither_reads_nor_writes() {
    let (audited, _keeper) = open().await;
    let reader = audited.database.session_as("reader", "web").await;
    let keeper = audited.database.session_as("keeper", "keeper").await;
    let reading = reader.db().begin().await.unwrap();
    run(&reading, "select count(*) from archive.audit_entry").await;
    let db = keeper.db();
    let making = keeper.start(async move { audit::make_partitions(&db, 4).await });
    audited
        .database
        .wait_until_blocked_by(&keeper, &reader)
        .await;
    // These come while it waits.
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
    let error = making.finish().await.unwrap_err().to_string();
    assert!(
        error.contains("holds a lock") && error.contains("make_audit_partitions"),
        "{error}"
    );
    reading.commit().await.unwrap();
    let db = keeper.db();
    assert_eq!(audit::make_partitions(&db, 4).await.unwrap(), 1);
}

#[tokio::test]
async fn revoking_the_archive_leaves_what_the_other_grants_gave() {
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
