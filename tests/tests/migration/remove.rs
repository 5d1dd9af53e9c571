//! The helpers for `down`: dropping archive tables.

use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
use sea_orm_migration::SchemaManager;

use crate::migration::database::{Migrated, assert_mentions, refused};

#[tokio::test]
async fn table_and_archive_table_are_dropped_with_their_rows() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table t (id int generated always as identity primary key); insert into t default values",
    )
    .await;
    m.manager()
        .archive_existing_table(ExistingTable::new("t").archive_table("removed"))
        .await?;
    m.run("insert into removed values (7, now(), null, 1)")
        .await;
    for _ in 0..2 {
        m.manager().drop_archived_table("t").await?;
    }
    assert!(!m.exists("t").await && !m.exists("removed").await);
    assert_eq!(
        m.one::<i64>("select count(*) from archive.archived_table")
            .await,
        0
    );
    Ok(())
}

#[tokio::test]
async fn table_with_dependent_objects_is_not_dropped() -> Result<(), DbErr> {
    let m = Migrated::with(
        "create table t (id int primary key); create table child (t_id int references t)",
    )
    .await;
    m.manager().archive_existing_table("t").await?;
    assert_mentions(
        &refused(m.manager().drop_archived_table("t").await),
        &["depend"],
    );
    assert!(m.exists("t").await && m.exists("deleted_t").await);
    assert_eq!(
        m.one::<i64>("select count(*) from archive.archived_table")
            .await,
        1
    );
    Ok(())
}

#[tokio::test]
async fn only_an_empty_archive_table_is_dropped() -> Result<(), DbErr> {
    let m = Migrated::with("create table t (id int primary key); insert into t values (1)").await;
    m.manager().archive_existing_table("t").await?;
    m.run("insert into deleted_t values (7, now(), null, 1), (8, now(), null, 1)")
        .await;
    let error = refused(m.manager().unarchive_existing_table("t").await);
    assert_mentions(
        &error,
        &[
            "public.deleted_t",
            "2 archived rows",
            "public.t",
            "restore or delete",
        ],
    );
    m.run("delete from deleted_t").await;
    for _ in 0..2 {
        m.manager().unarchive_existing_table("t").await?;
    }
    assert!(!m.exists("deleted_t").await);
    assert_eq!(m.one::<i64>("select count(*) from t").await, 1);
    m.manager().unarchive_existing_table("missing").await?;
    m.manager().archive_existing_table("t").await
}

#[tokio::test]
async fn down_helpers_succeed_without_the_archive() -> Result<(), DbErr> {
    let m = Migrated::empty().await;
    m.run("create table t (id int primary key)").await;
    m.manager().unarchive_existing_table("t").await?;
    m.manager().revoke_archive("postgres").await?;
    m.manager().drop_archived_table("t").await?;
    m.manager().drop_archived_table("t").await?;
    assert!(!m.exists("t").await);
    Ok(())
}

#[tokio::test]
async fn archive_table_with_a_row_archived_meanwhile_is_not_dropped() -> Result<(), DbErr> {
    let m = Migrated::with("create table t (id int primary key)").await;
    m.manager().archive_existing_table("t").await?;
    let archiver = m.database.session("archiver").await;
    let migration = m.database.session("migration").await;

    let archiving = archiver.db().begin().await?;
    archiving
        .execute_unprepared("insert into deleted_t values (1, now(), null, 1)")
        .await?;
    let db = migration.db();
    let unarchiving =
        migration.start(async move { SchemaManager::new(&db).unarchive_existing_table("t").await });
    m.database
        .wait_until_blocked_by(&migration, &archiver)
        .await;
    archiving.commit().await?;
    let error = refused(unarchiving.finish().await);
    assert_mentions(&error, &["public.deleted_t", "1 archived rows"]);
    assert_eq!(m.one::<i64>("select count(*) from deleted_t").await, 1);
    Ok(())
}
