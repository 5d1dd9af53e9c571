//! What an attack on retention rules found.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_archive_tests::{Database, race};
use sea_orm_migration::SchemaManager;
use serde_json::json;

use super::{age, database};
use crate::tenancy::database::Organisations;
use ::blog::{post, tag};

/// The root is of a table with the rights, and one of its rows of a table without them.
#[tokio::test]
async fn archival_with_rows_that_the_role_may_not_purge_is_left_out() {
    let (database, db) = database().await;
    let tagger = database.role("tagger").await;
    run(&db, &format!("grant select, insert, update, delete on tags, deleted_tags, posts, deleted_posts, post_tags, deleted_post_tags to {tagger}")).await;
    let manager = SchemaManager::new(&db);
    manager.grant_archive(&tagger).await.unwrap();
    manager.retain("posts", Retention::days(0)).await.unwrap();
    manager.retain("tags", Retention::days(0)).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap(); // with a comment
    run(&db, "insert into tags values (9, 'unused')").await;
    tag::Entity::archive_by_id(9).exec(&db).await.unwrap();
    let tagger = database.connect_as("tagger").await;
    let preview = archival::Entity::purge_expired()
        .preview(&tagger)
        .await
        .unwrap();
    let purged = archival::Entity::purge_expired().exec(&tagger).await;
    let purged = purged.unwrap();
    assert_eq!(purged.archivals, 1, "{preview:?}");
    assert_eq!(purged.not_allowed, ["public.comments", "public.likes"]);
}

/// Race: the record gets the metadata of a longer rule, which commits before the record is locked.
#[tokio::test]
async fn record_that_changes_after_it_was_found_is_deleted_by_no_earlier_rule() {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.retain_archivals(Retention::days(10)).await.unwrap();
    let hold = Retention::forever().metadata(json!({"hold": true}));
    manager.retain_archivals(hold).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    run(
        &db,
        "update archive.archival set restored_at = restored_at - interval '2400 hours';
         create or replace function archive.acts_for(tenant text) returns boolean language plpgsql volatile as $$
         begin perform pg_catalog.pg_advisory_xact_lock_shared(77); return true; end $$",
    )
    .await;
    let (_, purged) = race! { database;
        first holds |txn| txn.execute_unprepared("select pg_advisory_xact_lock(77); update archive.archival set metadata = '{\"hold\": true}'");
        second waits for first |db| archival::Entity::purge_expired().exec(db);
        first commits;
    };
    assert_eq!(purged.unwrap().records, 0);
}

async fn with_a_month(until: &str) -> (Database, DatabaseConnection) {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    run(&db, &format!(
        "create table archive.audit_entry_2020_01 partition of archive.audit_entry for values from ('2020-01-01Z') to ({until})"
    )).await;
    run(
        &db,
        "insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user)
             values ('2020-01-02Z', 1, 'UPDATE', 'public.tags', 'x'), (date_trunc('month', now()) - interval '1 day', 1, 'UPDATE', 'public.tags', 'x')",
    )
    .await;
    manager.retain_audit(Retention::days(365)).await.unwrap();
    (database, db)
}

/// The partition of several months has the name of the first one.
#[tokio::test]
async fn partition_with_entries_that_have_not_expired_is_not_dropped() {
    let (_database, db) =
        with_a_month("date_trunc('month', now() at time zone 'utc') at time zone 'utc'").await;
    let preview = archival::Entity::purge_expired()
        .preview(&db)
        .await
        .unwrap();
    assert_eq!(preview, []);
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    let young = "select count(*) from archive.audit_entry where at > now() - interval '100 days'";
    assert_eq!(number(&db, young).await, 1);
}

/// Race: a month is detached, to be stored elsewhere, while the purge waits for it.
#[tokio::test]
async fn month_that_was_detached_is_not_dropped() {
    let (database, db) = with_a_month("'2020-02-01Z'").await;
    let _ = race! { database;
        first holds |txn| txn.execute_unprepared("alter table archive.audit_entry detach partition archive.audit_entry_2020_01");
        second waits for first |db| archival::Entity::purge_expired().exec(db);
        first commits;
    };
    let there = "select count(*) from pg_class where relname = 'audit_entry_2020_01'";
    assert_eq!(number(&db, there).await, 1);
}

/// The owner of the log is no superuser, and row-level security is forced.
#[tokio::test]
async fn preview_under_tenancy_counts_the_entries_that_are_dropped() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    run(
        &organisations.database.connect().await,
        "create table archive.audit_entry_2020_01 partition of archive.audit_entry for values from ('2020-01-01Z') to ('2020-02-01Z');
         insert into archive.audit_entry (at, transaction_id, operation, table_name, database_user, tenant)
             values ('2020-01-02Z', 1, 'UPDATE', 'public.posts', 'x', '1')",
    )
    .await;
    run(
        &organisations.database.connect().await,
        &format!(
            "alter table archive.audit_entry_2020_01 owner to {}",
            organisations.database.role("owner").await
        ),
    )
    .await;
    let manager = SchemaManager::new(owner);
    manager.retain_audit(Retention::days(365)).await.unwrap();
    let preview = archival::Entity::purge_expired()
        .preview(owner)
        .await
        .unwrap();
    let purged = archival::Entity::purge_expired().exec(owner).await.unwrap();
    assert!(purged.audit_before.is_some());
    // An estimate: policies hide the entries from the owner.
    assert!(preview.iter().any(|line| line.expired > 0), "{preview:?}");
}

/// The rest of an archival that was split stays as long as before.
#[tokio::test]
async fn rows_that_leave_an_archival_expire_no_earlier() {
    let (_database, db) = database().await;
    let manager = SchemaManager::new(&db);
    manager
        .retain("posts", Retention::days(3650))
        .await
        .unwrap();
    manager
        .retain("comments", Retention::days(30))
        .await
        .unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    age(&db, archival, 60).await;
    run(&db, "insert into posts (id, title, slug, content, author_id) values (7, 'Seven', 'seven', '', 1);
        insert into comments (id, post_id, author_id, content) overriding system value values (1, 7, 2, 'in the way')").await;
    let restored = archival::Entity::restore_by_id(archival)
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    let open =
        "select root_table || ' ' || (restored_at is null) from archive.archival order by id";
    let before = texts(&db, open).await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 0, "{before:?} {restored:?}");
    // The record of the restored archival stays as long: it says by which rule the rest expires.
    manager.retain_archivals(Retention::days(0)).await.unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!((purged.archivals, purged.records), (0, 0));
    manager.retain("posts", Retention::days(60)).await.unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!((purged.archivals, purged.records), (1, 2));
}

/// An archival that cannot be purged does not keep others from it.
#[tokio::test]
async fn one_incomplete_archival_does_not_stop_all_purges() {
    let (_database, db) = database().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(0))
        .await
        .unwrap();
    SchemaManager::new(&db)
        .retain("tags", Retention::days(0))
        .await
        .unwrap();
    let first = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    age(&db, first, 5).await;
    run(
        &db,
        "drop table likes; insert into tags values (9, 'unused')",
    )
    .await;
    tag::Entity::archive_by_id(9).exec(&db).await.unwrap();
    let mut batches = archival::Entity::purge_expired().in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    let rest = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(rest.not_allowed, ["public.deleted_likes"]);
    assert_eq!(number(&db, "select count(*) from deleted_tags").await, 0);
}

/// After a dump and a restore, transactions have numbers that earlier entries have too.
#[tokio::test]
async fn details_of_an_entry_that_stays_are_not_deleted() {
    let (_database, db) = with_a_month("'2020-02-01Z'").await;
    let manager = SchemaManager::new(&db);
    manager.audit_table("tags").await.unwrap();
    run(
        &db,
        "insert into archive.audit_details (at, transaction_id, details)
             select '2020-01-02Z', pg_current_xact_id()::text::bigint + n, '{\"client_address\": \"::1\"}' from generate_series(1, 50) as n",
    )
    .await;
    run(&db, "begin; select archive.set_context('7', null, null, '{\"client_address\": \"::1\"}'); update tags set name = 'now'; commit").await;
    archival::Entity::purge_expired().exec(&db).await.unwrap();
    let lacking = "select count(*) from archive.audit_entry as e where details_id is not null
        and not exists (select from archive.audit_details as d where d.id = e.details_id)";
    assert_eq!(number(&db, lacking).await, 0);
}

/// A migration moves to a new table, which the helpers gave an archive table and a rule, and gives it the name of the dropped one.
async fn with_a_replaced_table() -> (Database, DatabaseConnection) {
    let (database, db) = database().await;
    let manager = SchemaManager::new(&db);
    let hold = Retention::forever().metadata(json!({"hold": true}));
    manager.retain("posts", hold).await.unwrap();
    let held = post::Entity::archive_by_id(1).metadata(json!({"hold": true}));
    let held = held.exec(&db).await.unwrap().id;
    age(&db, held, 60).await;
    run(&db, "create table posts_new (like posts including all)").await;
    manager.archive_existing_table("posts_new").await.unwrap();
    manager
        .retain("posts_new", Retention::days(10))
        .await
        .unwrap();
    run(
        &db,
        "drop table posts cascade; alter table posts_new rename to posts",
    )
    .await;
    manager.retain("posts", Retention::days(20)).await.unwrap();
    (database, db)
}

#[tokio::test]
async fn exceptions_of_a_replaced_table_are_not_lost() {
    let (_database, db) = with_a_replaced_table().await;
    let _ = archival::Entity::purge_expired().exec(&db).await;
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        1
    );
}

#[tokio::test]
async fn archival_of_a_replaced_table_is_not_marked_as_purged_while_its_rows_remain() {
    let (_database, db) = with_a_replaced_table().await;
    let _ = archival::Entity::purge_many().exec(&db).await;
    let left = "select count(*) from deleted_posts as p join archive.archival as a on a.id = p.archival_id where a.purged_at is not null";
    assert_eq!(number(&db, left).await, 0);
}
