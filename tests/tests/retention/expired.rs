//! Purging what has expired: in batches, in which order, and with which rights.

use blog::{comment, post, tag};
use sea_orm::{IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_migration::SchemaManager;

use super::{age, archived, database};

#[tokio::test]
async fn preview_lists_each_rule_and_the_purge_deletes_just_that() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager
        .retain("posts", Retention::days(10).named("drafts"))
        .await
        .unwrap();
    manager.retain("tags", Retention::days(5)).await.unwrap();
    for (id, days) in [(1, 10), (2, 12), (3, 9)] {
        let archival = post::Entity::archive_by_id(id).exec(&db).await.unwrap();
        age(&db, archival.id, days).await;
    }
    let tag = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    age(&db, tag.id, 6).await;
    let preview = archival::Entity::purge_expired()
        .preview(&db)
        .await
        .unwrap();
    let found: Vec<_> = preview
        .iter()
        .map(|p| (p.policy.as_str(), p.table.as_str(), p.expired))
        .collect();
    assert_eq!(
        found,
        [
            ("drafts", "public.posts", 2),
            ("public.tags: 5 days", "public.tags", 1)
        ]
    );
    let oldest = format!(
        "select count(*) from archive.archival where archived_at = '{}'",
        preview[0].oldest
    );
    assert_eq!(number(&db, &oldest).await, 1);
    assert_eq!(archived(&db).await.len(), 3);
    let purged = archival::Entity::purge_expired()
        .by("nightly")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((purged.archivals, purged.rows["public.posts"]), (3, 2));
    assert_eq!(purged.not_allowed, Vec::<String>::new());
    assert_eq!(archived(&db).await, ["3"]);
    let records = "select concat_ws(' ', purged_by, purge_policy, purged_rows) from archive.archival where purged_at is not null order by id";
    assert_eq!(
        texts(&db, records).await,
        [
            r#"nightly drafts {"public.likes": 1, "public.posts": 1, "public.comments": 1, "public.post_tags": 1}"#,
            r#"nightly drafts {"public.posts": 1, "public.comments": 1, "public.post_tags": 1}"#,
            r#"nightly public.tags: 5 days {"public.tags": 1}"#,
        ]
    );
    assert_eq!(
        archival::Entity::purge_expired()
            .preview(&db)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn batches_are_transactions_of_their_own_and_another_process_goes_on() {
    let (database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    let first = batches.next(&db).await.unwrap().unwrap();
    assert_eq!(first.archivals, 1);
    let other = database.connect().await;
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    let mut rest = 0;
    while let Some(batch) = batches.next(&other).await.unwrap() {
        rest += batch.archivals;
    }
    assert_eq!(rest, 2);
    let transactions = "select count(distinct xmin::text) from archive.archival";
    assert_eq!(number(&db, transactions).await, 3);
}

/// A comment that was archived alone is older than the archival of its post, which it needs.
#[tokio::test]
async fn children_are_purged_before_their_parents() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    for table in ["posts", "comments"] {
        manager.retain(table, Retention::days(0)).await.unwrap();
    }
    let child = comment::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    batches.next(&db).await.unwrap();
    let first = "select id from archive.archival where purged_at is not null";
    assert_eq!(number(&db, first).await, child.id);
}

/// Rows of an archival that waited for a parent belong to the archival of the parent, and to its age and rule.
#[tokio::test]
async fn row_that_waits_expires_with_the_archival_that_it_waits_for() {
    let (_database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(10))
        .await
        .unwrap();
    let tag = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let post = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    tag.restore(&db).await.unwrap();
    age(&db, post.id, 11).await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.rows["public.post_tags"], 1);
    assert_eq!(
        number(&db, "select count(*) from deleted_post_tags").await,
        0
    );
}

#[tokio::test]
async fn transaction_above_read_committed_is_refused() {
    let (database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let level = Some(IsolationLevel::RepeatableRead);
    let txn = db.begin_with_config(level, None).await.unwrap();
    let error = archival::Entity::purge_expired()
        .exec(&txn)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Refused(RefusedError::IsolationLevel { message }) if message.contains("REPEATABLE READ")),
        "{error}"
    );
    txn.commit().await.unwrap();
    run(&db, "do $$ begin execute format('alter database %I set default_transaction_isolation = serializable', current_database()); end $$").await;
    let session = database.connect().await;
    let purged = archival::Entity::purge_expired()
        .exec(&session)
        .await
        .unwrap();
    assert_eq!(purged.archivals, 1);
}

#[tokio::test]
async fn role_purges_what_it_may_restore_and_lists_the_rest() {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in ["posts", "tags"] {
        manager.retain(table, Retention::days(0)).await.unwrap();
    }
    manager.retain_audit(Retention::days(365)).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let web = database.role("web").await;
    manager.grant_archive(&web).await.unwrap();
    run(
        &db,
        &format!(
            "grant insert on posts, comments, likes, post_tags to \"{web}\";
             grant select, delete on deleted_posts, deleted_comments, deleted_likes, deleted_post_tags to \"{web}\""
        ),
    )
    .await;
    let session = database.connect_as("web").await;
    let preview = archival::Entity::purge_expired()
        .preview(&session)
        .await
        .unwrap();
    assert_eq!(preview.len(), 1);
    let purged = archival::Entity::purge_expired()
        .exec(&session)
        .await
        .unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(purged.not_allowed, ["archive.audit_entry", "public.tags"]);
    for attack in [
        "insert into archive.retention (subject, root, days, name) values ('rows', 'tags', 0, 'x')",
        "select * from archive.retention",
        "select archive.drop_expired_audit()",
        "select * from archive.expired_audit()",
    ] {
        let refused = sea_orm_archive_tests::sql::refused(&session, attack).await;
        assert_eq!(refused.code, "42501", "{attack}");
    }
    manager.grant_audit_maintenance(&web).await.unwrap();
    let purged = archival::Entity::purge_expired()
        .exec(&session)
        .await
        .unwrap();
    assert_eq!(purged.not_allowed, ["public.tags"]);
}

/// The log records expired rows as deleted, by the actor of the purge.
#[tokio::test]
async fn log_records_expired_rows_as_deleted() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    run(&db, "delete from posts").await;
    manager.audit_table("posts").await.unwrap();
    manager.retain("posts", Retention::days(0)).await.unwrap();
    run(
        &db,
        "insert into posts (id, title, slug, content, author_id) values (9, '', 'nine', '', 1)",
    )
    .await;
    post::Entity::archive_by_id(9).exec(&db).await.unwrap();
    archival::Entity::purge_expired()
        .by("nightly")
        .exec(&db)
        .await
        .unwrap();
    let deleted = "select actor from archive.audit_entry where operation = 'DELETE'";
    assert_eq!(texts(&db, deleted).await, ["nightly"]);
    assert_log_agrees(&db, &["posts"]).await;
}

/// Race: two workers purge at the same time. Each leaves out what the other has locked, and nothing is counted twice.
#[tokio::test]
async fn workers_skip_the_archivals_of_each_other() {
    let (database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    let txn = db.begin().await.unwrap();
    let mut batches = archival::Entity::purge_expired().in_batches(2);
    let first = batches.next(&txn).await.unwrap().unwrap();
    let other = database.connect().await;
    let second = archival::Entity::purge_expired()
        .exec(&other)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    assert_eq!((first.archivals, second.archivals), (2, 1));
    assert_eq!(archived(&db).await.len(), 0);
}
