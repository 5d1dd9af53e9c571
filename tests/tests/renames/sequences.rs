//! Sequences of the schema `archive` that are behind their rows, as after a switch-over with logical replication.

use sea_orm_archive::error::SetupError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::sql::{number, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use crate::tables::family::{cascaded, two_families};

#[tokio::test]
async fn sequences_behind_their_rows_are_reported_and_reset() {
    let (_database, db) =
        tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("parents").await.unwrap();
    let first = cascaded::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    run(&db, "alter sequence archive.archival_id_seq restart; alter sequence archive.audit_entry_id_seq restart").await;
    match cascaded::parent::Entity::archive_by_id(2).exec(&db).await {
        Err(Error::Setup(SetupError::SequenceBehind { table })) => assert_eq!(table, "archival"),
        other => panic!("{other:?}"),
    }
    manager.reset_archive_sequences().await.unwrap();
    let second = cascaded::parent::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    assert!(second.id > first.id);
    let entries = "select count(distinct id) from archive.audit_entry";
    assert_eq!(
        number(&db, entries).await,
        number(&db, "select count(*) from archive.audit_entry").await
    );
    let next = "select nextval('archive.archival_id_seq')";
    let before = number(&db, next).await;
    manager.reset_archive_sequences().await.unwrap();
    assert_eq!(number(&db, next).await, before + 1);
}
