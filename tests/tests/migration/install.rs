//! Installing and uninstalling the schema `archive`.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_archive_migration::ArchiveSchema;

use crate::migration::database::{Migrated, assert_mentions, refused};

const OBJECTS: &str = "select relname::text from pg_class
    where relnamespace = to_regnamespace('archive') and relkind = 'r' order by 1";

#[tokio::test]
async fn install_and_uninstall_can_be_repeated() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    let manager = m.manager();
    for _ in 0..2 {
        manager.install_archive().await?;
        manager.install_archive().await?;
        assert_eq!(
            m.all::<String>(OBJECTS).await,
            [
                "archival",
                "archived_table",
                "caught",
                "context_setting",
                "departed",
                "detached_link",
                "erased_place",
                "erasure",
                "erasure_row",
                "erasure_value",
                "event",
                "event_consumer",
                "event_horizon",
                "event_lock",
                "guarded_table",
                "history_table",
                "hold",
                "hold_lock",
                "known_table",
                "personal_data",
                "retention",
                "signing_key",
                "snapshot_probe",
                "stamped_table",
                "temporal_foreign_key",
                "tenancy",
                "tenancy_object"
            ]
        );
        manager.uninstall_archive().await?;
        manager.uninstall_archive().await?;
        assert!(
            m.one::<bool>("select to_regnamespace('archive') is null")
                .await
        );
    }
    Ok(())
}

#[tokio::test]
async fn uninstall_leaves_objects_of_the_application() -> Result<(), DbErr> {
    let m = Migrated::with("create table archive.mine (id int)").await;
    m.manager().uninstall_archive().await?;
    assert_eq!(m.all::<String>(OBJECTS).await, ["mine"]);
    Ok(())
}

#[tokio::test]
async fn archival_table_that_archived_rows_need_is_not_dropped() -> Result<(), DbErr> {
    let m = Migrated::with("create table t (id int primary key)").await;
    let manager = m.manager();
    manager.archive_existing_table("t").await?;
    m.run("insert into deleted_t values (1, now(), null, 1)")
        .await;
    let error = refused(manager.uninstall_archive().await);
    assert_mentions(
        &error,
        &["public.deleted_t", "1 archived rows", "restore or delete"],
    );
    assert!(m.exists("archive.archival").await);
    m.run("delete from deleted_t").await;
    manager.uninstall_archive().await?;
    manager.install_archive().await?;
    manager.archive_existing_table("t").await?;
    assert_eq!(
        m.one::<i64>("select count(*) from archive.archived_table")
            .await,
        1
    );
    Ok(())
}

#[tokio::test]
async fn helpers_report_that_install_is_missing() {
    let m = Migrated::empty().await;
    m.run("create table t (id int primary key)").await;
    let manager = m.manager();
    for result in [
        manager.archive_existing_table("t").await,
        manager.sync_archived_table("t").await,
        manager.reset_id_sequence("t").await,
        manager.grant_archive("postgres").await,
    ] {
        assert_mentions(&refused(result), &["not installed", "install_archive"]);
    }
}

#[tokio::test]
async fn registration_of_dropped_tables_is_deleted() -> Result<(), DbErr> {
    let m =
        Migrated::with("create table a (id int primary key); create table b (id int primary key)")
            .await;
    m.manager().archive_existing_table("a").await?;
    m.run("drop table a, deleted_a").await;
    m.manager().archive_existing_table("b").await?;
    assert_eq!(
        m.all::<String>("select active::text from archive.archived_table")
            .await,
        ["b"]
    );
    Ok(())
}

#[tokio::test]
async fn granted_role_reads_archival_records_and_writes_none() -> Result<(), DbErr> {
    let m = Migrated::new().await;
    let role = m.database.role("We b; --").await;
    let as_role = m.database.connect_as("We b; --").await;
    let read = "select * from archive.archival, archive.archived_table, archive.history_table, archive.temporal_foreign_key;
                select archive.fingerprint('{}'::text[]), archive.draw_archivals(1)";
    assert!(as_role.execute_unprepared(read).await.is_err());
    for _ in 0..2 {
        m.manager().grant_archive(role.clone()).await?;
    }
    as_role.execute_unprepared(read).await?;
    for write in [
        "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables) values ('t', '{}', now(), '{}', '{}')",
        "update archive.archival set restored_at = now()",
        "delete from archive.archival",
        "select * from archive.detached_link",
        "delete from archive.archived_table",
        "select nextval('archive.archival_id_seq')",
        "select * from archive.signing_key",
    ] {
        let error = as_role.execute_unprepared(write).await.expect_err(write);
        assert!(
            error.to_string().contains("permission denied"),
            "{write}: {error}"
        );
    }
    for _ in 0..2 {
        m.manager().revoke_archive(role.clone()).await?;
    }
    assert!(
        as_role
            .execute_unprepared("select * from archive.archival")
            .await
            .is_err()
    );
    refused(m.manager().grant_archive("no role of this name").await);
    Ok(())
}
