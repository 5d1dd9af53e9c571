//! Sequences of the schema `archive` that are behind their rows, as after a switch-over with logical replication.

use sea_orm::ConnectionTrait;
use sea_orm_archive::audit::AuditEntity;
use sea_orm_archive::error::SetupError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::sql::{clock, number, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

use crate::renames::log::{paper, papers};
use crate::tables::family::{cascaded, two_families};

/// The first call that needs an id names the helper, also a write with plain SQL and another helper.
#[tokio::test]
async fn every_write_that_needs_an_id_names_the_helper() {
    let (database, db) = tables(&two_families("on delete cascade"), &["parents", "children"]).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    manager.audit_table("parents").await.unwrap();
    let write = |id: i64| {
        format!(
            "begin; select archive.set_context('a', null, null, '{{\"reason\": \"r{id}\"}}'); insert into parents (id) values ({id}); commit"
        )
    };
    run(&db, &write(71)).await;
    run(&db, "alter sequence archive.audit_details_id_seq restart; alter sequence archive.audited_table_id_seq restart").await;
    let session = database.session("writer").await;
    let error = session
        .db()
        .execute_unprepared(&write(72))
        .await
        .unwrap_err();
    session.db().execute_unprepared("rollback").await.unwrap();
    match Error::from(error) {
        Error::Setup(SetupError::SequenceBehind { table }) => assert_eq!(table, "audit_details"),
        other => panic!("{other:?}"),
    }
    let error = manager
        .audit_table("children")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("reset_archive_sequences"), "{error}");
    manager.reset_archive_sequences().await.unwrap();
    run(&db, &write(72)).await;
    manager.audit_table("children").await.unwrap();
}

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

#[tokio::test]
async fn log_is_in_order_after_a_restart_of_its_sequence() {
    let (_database, db, then) = papers().await;
    let mut times = vec![(then, "a")];
    for (title, next) in [("b", "c"), ("c", "d"), ("d", "e")] {
        times.push((clock(&db).await, title));
        run(&db, "alter sequence archive.audit_entry_id_seq restart").await;
        run(&db, &format!("update papers set title = '{next}'")).await;
    }
    for (time, title) in times {
        let was = paper::Entity::find_as_of(1, time)
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(was.row.title, title);
    }
    // A row that was deleted, inserted again and deleted again.
    let before = clock(&db).await;
    run(
        &db,
        "alter sequence archive.audit_entry_id_seq restart; delete from papers",
    )
    .await;
    let deleted = clock(&db).await;
    run(&db, "alter sequence archive.audit_entry_id_seq restart; insert into papers values (1, 'f', 'draft')").await;
    let inserted = clock(&db).await;
    run(
        &db,
        "alter sequence archive.audit_entry_id_seq restart; delete from papers",
    )
    .await;
    let title = async |at| {
        let was = paper::Entity::find_as_of(1, at).one(&db).await.unwrap();
        was.map(|was| was.row.title)
    };
    assert_eq!(title(before).await.as_deref(), Some("e"));
    assert_eq!(title(deleted).await, None);
    assert_eq!(title(inserted).await.as_deref(), Some("f"));
    SchemaManager::new(&db)
        .reset_archive_sequences()
        .await
        .unwrap();
}
