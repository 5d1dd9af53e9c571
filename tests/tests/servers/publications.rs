//! Publications of all tables, and a subscriber that takes over.

use sea_orm::DatabaseConnection;
use sea_orm_archive::error::SetupError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Error, audit, check};
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::{
    connect,
    sql::{number, one, run, texts},
};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;
use tokio::time::{Duration, Instant, sleep};

use super::notes::{archive_and_restore, assert_same, database, migrate, note, row};
use super::programs::{output, programs};

#[tokio::test]
async fn rows_move_while_all_tables_are_published() {
    let database = database().await;
    let db = database.connect().await;
    run(&db, "create publication everything for all tables").await;
    let manager = SchemaManager::new(&db);
    manager.make_audit_partitions(2).await.unwrap();
    archive_and_restore(&db, 1).await.unwrap();
    run(&db, "update notes set id = 101 where id = 2").await;
    let archival = note::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "delete from attachments where id = 3").await;
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.relinked, 0);
    let lacking = "select relname from pg_class as c where relkind in ('r', 'p') and relnamespace in ('archive'::regnamespace, 'public'::regnamespace)
        and not exists (select from pg_index as i where i.indrelid = c.oid and i.indisprimary)";
    assert_eq!(texts(&db, lacking).await, [""; 0]);
    manager.drop_audit_partitions("2026-01-01").await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
}

pub(super) async fn wait_for(db: &DatabaseConnection, condition: &str) {
    let start = Instant::now();
    while number(db, &format!("select ({condition})::int::bigint")).await == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "{condition}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The subscriber is a second database of one server: then the slot has to be created first.
#[tokio::test]
async fn subscriber_takes_over_with_every_archival() {
    let server = Postgres::builder()
        .setting("wal_level", "logical")
        .setting("max_wal_senders", "8")
        .setting("max_logical_replication_workers", "8")
        .start()
        .unwrap();
    let old = connect(&server.url("postgres")).await;
    let Some([pg_dump, psql]) = programs(&old, ["pg_dump", "psql"]).await else {
        return;
    };
    migrate(&old).await.unwrap();
    archive_and_restore(&old, 1).await.unwrap();
    let before = note::Entity::archive_by_id(2).exec(&old).await.unwrap();
    run(
        &old,
        "create publication everything for all tables with (publish_via_partition_root = true)",
    )
    .await;
    run(&old, "create database subscriber").await;
    let dump = server.folder().join("schema.sql");
    let (dump, new_url) = (dump.to_str().unwrap(), server.url("subscriber"));
    output(
        &pg_dump,
        &[
            "--schema-only",
            "--no-publications",
            "--file",
            dump,
            &server.url("postgres"),
        ],
    );
    output(
        &psql,
        &["--set=ON_ERROR_STOP=1", "--quiet", "--file", dump, &new_url],
    );
    let new = connect(&new_url).await;
    run(
        &old,
        "select pg_create_logical_replication_slot('moved', 'pgoutput')",
    )
    .await;
    run(&new, &format!(
        "create subscription moved connection '{}' publication everything with (create_slot = false, slot_name = 'moved')",
        server.url("postgres")
    )).await;
    wait_for(
        &new,
        "select bool_and(srsubstate = 'r') from pg_subscription_rel",
    )
    .await;

    let meanwhile = note::Entity::archive_by_id(3).exec(&old).await.unwrap();
    archive_and_restore(&old, 4).await.unwrap();
    row(5, "changed", 0)
        .update_if_unchanged(&old)
        .await
        .unwrap();
    run(&old, "update notes set id = 106 where id = 6; delete from attachments where id = 3; truncate products cascade").await;
    let end: String = one(&old, "select pg_current_wal_insert_lsn()::text").await;
    wait_for(
        &old,
        &format!("select confirmed_flush_lsn >= '{end}' from pg_replication_slots"),
    )
    .await;
    assert_same(&new, &old).await;

    // The switch-over. Sequences are not replicated.
    old.close().await.unwrap();
    run(&new, "alter subscription moved disable").await;
    run(&new, "alter subscription moved set (slot_name = none)").await;
    run(&new, "drop subscription moved").await;
    match note::Entity::archive_by_id(7).exec(&new).await {
        Err(Error::Setup(error @ SetupError::SequenceBehind { .. })) => {
            assert!(
                error.to_string().contains("reset_archive_sequences"),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    let manager = SchemaManager::new(&new);
    manager.reset_archive_sequences().await.unwrap();
    manager.reset_id_sequence("comments").await.unwrap();
    archive_and_restore(&new, 7).await.unwrap();
    assert_eq!(before.restore(&new).await.unwrap().relinked, 1);
    assert_eq!(meanwhile.restore(&new).await.unwrap().relinked, 0);
    let entries = audit::Entity::find_by_archival(&before);
    assert_eq!(
        sea_orm::PaginatorTrait::count(entries, &new).await.unwrap(),
        4
    );
    assert_eq!(check(&new).await.unwrap(), []);
}
