//! Helpers of migrations that would drop what is held.

use blog::post;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, run};
use sea_orm_migration::SchemaManager;

use super::{database, end};

#[tokio::test]
async fn table_of_something_held_is_not_dropped() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let held = archival::Entity::hold_by_id(archival.id, "case 17")
        .exec(&db)
        .await
        .unwrap();
    for table in ["likes", "comments"] {
        let error = manager
            .drop_archived_table(table)
            .await
            .unwrap_err()
            .to_string();
        let expected = format!(
            "public.{table} was not dropped: it is under hold {}",
            held.id
        );
        assert!(error.contains(&expected), "{error}");
    }
    end(&db, held.id).await;
    manager.drop_archived_table("likes").await.unwrap();
}

#[tokio::test]
async fn archive_is_not_uninstalled_while_something_is_held() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let held = post::Entity::hold_table("audit 2026")
        .exec(&db)
        .await
        .unwrap();
    let error = manager.uninstall_archive().await.unwrap_err().to_string();
    assert!(error.contains(&format!("hold {}", held.id)), "{error}");
    end(&db, held.id).await;
    manager.uninstall_archive().await.unwrap();
    assert_eq!(
        number(
            &db,
            "select count(*) from pg_namespace where nspname = 'archive'"
        )
        .await,
        0
    );
}

#[tokio::test]
async fn no_month_of_the_log_is_dropped_while_something_is_held() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    run(
        &db,
        "create table archive.audit_entry_2020_01 partition of archive.audit_entry for values from ('2020-01-01Z') to ('2020-02-01Z');
         insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user)
             values ('2020-01-02Z', 1, 'UPDATE', 'public.posts', 'x')",
    )
    .await;
    manager.retain_audit(Retention::days(365)).await.unwrap();
    let held = post::Entity::hold_by_id(1, "case 17")
        .exec(&db)
        .await
        .unwrap();
    let error = manager
        .drop_audit_partitions("2026-01-01")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&format!("hold {}", held.id)), "{error}");
    let expired = archival::Entity::purge_expired;
    assert_eq!(expired().preview(&db).await.unwrap(), []);
    let purged = expired().exec(&db).await.unwrap();
    assert_eq!(
        (purged.audit_before, purged.not_allowed),
        (None, vec!["archive.audit_entry".to_owned()])
    );
    end(&db, held.id).await;
    let purged = expired().exec(&db).await.unwrap();
    assert!(purged.audit_before.is_some() && purged.not_allowed.is_empty());
}
