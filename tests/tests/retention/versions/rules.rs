//! The rules in migrations: refusals, renames, and what drops them.

use sea_orm::DbErr;
use sea_orm_archive_migration::{
    ArchiveSchema, HistorySchema, HistoryTable, Retention, RetentionSchema,
};
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_migration::{SchemaManager, schema::string};
use serde_json::json;

use super::{database, left, previewed, purge};

const RULES: &str = "select name from archive.retention order by name";

#[tokio::test]
async fn rules_are_refused_where_no_version_could_expire_by_them() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let refused = |result: Result<(), DbErr>| result.unwrap_err().to_string();
    let days = || Retention::days(1);
    for table in ["missing", "departments"] {
        let error = refused(manager.retain_versions(table, days()).await);
        assert!(error.contains("is not registered as a history"), "{error}");
    }
    let limited = days().metadata(json!({"kind": "x"}));
    let error = refused(manager.retain_versions("department_history", limited).await);
    assert!(error.contains("have no metadata"), "{error}");
    let long = Retention::days(365_001);
    let error = refused(manager.retain_versions("department_history", long).await);
    assert!(error.contains("Retention::forever()"), "{error}");
    assert_eq!(
        texts(&db, RULES).await,
        ["public.department_history: 40 days"]
    );
}

#[tokio::test]
async fn rule_is_replaced_and_a_dropped_one_holds_no_longer() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let name = "department_history";
    let longer = Retention::days(95).named("law");
    manager.retain_versions(name, longer).await.unwrap();
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (1, 1));
    let forever = Retention::forever();
    manager.retain_versions(name, forever).await.unwrap();
    assert_eq!(purge(&db).await.versions, 0);
    let short = Retention::days(1).named("short");
    manager.retain_versions(name, short).await.unwrap();
    // Without tenancy no version has this tenant.
    let tenant = Retention::forever().tenant("7");
    manager.retain_versions(name, tenant).await.unwrap();
    assert_eq!(previewed(&db).await, 3);
    manager.drop_retention(name).await.unwrap();
    manager.drop_retention_rule(name, "short").await.unwrap();
    assert_eq!(purge(&db).await.versions, 0);
    manager
        .retain_versions(name, Retention::days(1))
        .await
        .unwrap();
    manager.drop_versions_retention(name).await.unwrap();
    manager.drop_versions_retention(name).await.unwrap();
    manager.drop_versions_retention("missing").await.unwrap();
    assert_eq!(texts(&db, RULES).await, Vec::<String>::new());
    assert_eq!(left(&db).await, "BCDEF");
}

#[tokio::test]
async fn rule_follows_renamed_tables_and_columns() {
    let (_database, db) = database().await;
    run(
        &db,
        "drop table labels; insert into user_audit (department_id, changed_at) values (1, now() - interval '1440 hours');
         alter table department_history rename to names; alter table names rename valid_to to until;
         alter table names rename department_id to department; alter table departments rename to units; alter table units rename id to key;
         alter table user_audit rename changed_at to at",
    )
    .await;
    assert_eq!(previewed(&db).await, 2);
    // The functions of the temporal foreign key follow when the archive is installed again.
    SchemaManager::new(&db).install_archive().await.unwrap();
    assert_eq!(purge(&db).await.versions, 2);
    let names = "select name from names order by name";
    assert_eq!(texts(&db, names).await.concat(), "BCDF");
    assert_eq!(sea_orm_archive::check(&db).await.unwrap(), []);
}

#[tokio::test]
async fn rule_ends_with_the_history() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    run(&db, "drop table labels, user_audit").await;
    manager
        .drop_history_table("department_history")
        .await
        .unwrap();
    assert_eq!(texts(&db, RULES).await, Vec::<String>::new());
    let again = HistoryTable::new("department_history")
        .identity("department_id", "departments")
        .column(string("name"));
    manager.create_history_table(again).await.unwrap();
    assert_eq!(previewed(&db).await, 0);
    manager
        .retain_versions("department_history", Retention::days(1))
        .await
        .unwrap();
    run(&db, "drop table department_history").await;
    assert_eq!((previewed(&db).await, purge(&db).await.versions), (0, 0));
    manager.install_archive().await.unwrap();
    assert_eq!(texts(&db, RULES).await, Vec::<String>::new());
}

/// A schema that was installed before versions could expire gets the new constraints, and a second run changes nothing.
#[tokio::test]
async fn installed_schema_is_extended() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "delete from archive.retention;
         alter table archive.retention drop constraint retention_subject_check, drop constraint retention_check;
         alter table archive.retention add check (subject in ('rows', 'records', 'audit')), add check ((root is null) = (subject <> 'rows'));
         insert into archive.retention (subject, days, name) values ('records', 7, 'records')",
    )
    .await;
    let rule = || Retention::days(40);
    let refused = manager.retain_versions("department_history", rule()).await;
    assert!(refused.is_err());
    for _ in 0..2 {
        manager.install_archive().await.unwrap();
    }
    manager
        .retain_versions("department_history", rule())
        .await
        .unwrap();
    assert_eq!(texts(&db, RULES).await.len(), 2);
    let checks = "select count(*) from pg_constraint where conrelid = 'archive.retention'::regclass and contype = 'c'";
    assert_eq!(number(&db, checks).await, 3);
    assert_eq!(purge(&db).await.versions, 3);
}
