//! Which rule holds, and what happens to rules when tables change.

use blog::{post, tag};
use sea_orm::DbErr;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_migration::SchemaManager;
use serde_json::json;

use super::{age, archived, database};

#[tokio::test]
async fn without_a_rule_nothing_expires() {
    let (_database, db) = database().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    age(&db, archival.id, 100_000).await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 0);
    assert_eq!(archived(&db).await, ["1"]);
}

#[tokio::test]
async fn metadata_precedes_the_default_and_the_longest_of_several_holds() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    for rule in [
        Retention::days(10),
        Retention::days(5)
            .metadata(json!({"kind": "draft"}))
            .named("drafts"),
        Retention::days(100).metadata(json!({"kind": "invoice"})),
        Retention::days(50).metadata(json!({"open": false})),
        Retention::forever().metadata(json!({"hold": true})),
        Retention::days(1).tenant("7"),
    ] {
        manager.retain("posts", rule).await.unwrap();
    }
    let cases = [
        (1, json!({"kind": "draft"}), 6),
        (2, json!({"kind": "invoice", "open": false}), 60),
        (3, json!({"kind": "draft", "hold": true}), 60_000),
    ];
    for (id, metadata, days) in cases {
        let archive = post::Entity::archive_by_id(id).metadata(metadata);
        let archival = archive.exec(&db).await.unwrap();
        age(&db, archival.id, days).await;
    }
    // A rule with a tenant is less specific than one with metadata.
    run(
        &db,
        "update archive.archival set tenant = '7' where root_key = '{\"id\": 2}'",
    )
    .await;
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(archived(&db).await, ["2", "3"]);
    let policies = "select purge_policy from archive.archival where purged_at is not null";
    assert_eq!(texts(&db, policies).await, ["drafts"]);
    run(
        &db,
        "update archive.archival set archived_at = now() - interval '2401 hours' where root_key = '{\"id\": 2}'",
    )
    .await;
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(archived(&db).await, ["3"]);
}

#[tokio::test]
async fn rule_with_the_same_limits_is_replaced_and_dropped_rules_hold_no_longer() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    age(&db, archival.id, 20).await;
    manager.retain("posts", Retention::days(10)).await.unwrap();
    manager.retain("posts", Retention::days(30)).await.unwrap();
    let names = "select name from archive.retention";
    assert_eq!(texts(&db, names).await, ["public.posts: 30 days"]);
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(archived(&db).await, ["1"]);
    let short = Retention::days(1).tenant("7").named("short");
    manager.retain("posts", short).await.unwrap();
    manager.drop_retention_rule("posts", "short").await.unwrap();
    let error = manager.drop_retention_rule("posts", "short").await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("no retention rule named \"short\""),
        "{error}"
    );
    manager.retain("posts", Retention::days(1)).await.unwrap();
    manager.drop_retention("posts").await.unwrap();
    manager.drop_retention("posts").await.unwrap();
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(archived(&db).await, ["1"]);
}

#[tokio::test]
async fn rules_are_refused_where_nothing_could_expire_by_them() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let refused = |result: Result<(), DbErr>| result.unwrap_err().to_string();
    let days = Retention::days(1);
    let error = refused(manager.retain("missing", days.clone()).await);
    assert!(error.contains("has no archive table"), "{error}");
    let error = refused(manager.retain("users", days.clone()).await);
    assert!(error.contains("has no archive table"), "{error}");
    let error = refused(manager.retain("posts", Retention::days(365_001)).await);
    assert!(error.contains("Retention::forever()"), "{error}");
    let error = refused(manager.retain("posts", days.named("")).await);
    assert!(error.contains("empty name"), "{error}");
    assert_eq!(
        number(&db, "select count(*) from archive.retention").await,
        0
    );
    manager
        .retain("posts", Retention::days(365_000))
        .await
        .unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        &format!(
            "update archive.archival set archived_at = '4000-01-01' where id = {}",
            archival.id
        ),
    )
    .await;
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(archived(&db).await, ["1"]);
}

#[tokio::test]
async fn rules_follow_a_renamed_table_and_end_with_the_archive_table() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain("tags", Retention::days(10)).await.unwrap();
    manager.retain("posts", Retention::days(10)).await.unwrap();
    let archival = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    age(&db, archival.id, 11).await;
    run(
        &db,
        "alter table tags rename to labels; alter table deleted_tags rename to old_labels",
    )
    .await;
    let preview = archival::Entity::purge_expired()
        .preview(&db)
        .await
        .unwrap();
    assert_eq!(
        (preview[0].table.as_str(), preview[0].expired),
        ("public.labels", 1)
    );
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.rows["public.labels"], 1);
    assert_eq!(number(&db, "select count(*) from old_labels").await, 0);
    manager.unarchive_existing_table("labels").await.unwrap();
    let rules = "select root::text from archive.retention";
    assert_eq!(texts(&db, rules).await, ["posts"]);
    run(&db, "drop table post_tags, comments, likes cascade").await;
    manager.drop_archived_table("posts").await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from archive.retention").await,
        0
    );
}
