//! Purges of whole partitions, and what is deleted row by row instead.

use sea_orm::{ConnectionTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{count, number, one, run, texts};
use sea_orm_migration::SchemaManager;

use super::library::{archived, expiring, lender, next_archival, shelf};

/// Archives the shelves `1..=last` with plain SQL: 1 to 3 as the archivals of the same numbers, the others as archivals of the next
/// partition, 104 and so on.
async fn archive(db: &impl ConnectionTrait, last: i64) {
    for shelf in 1..=last {
        let archival = if shelf > 3 { 100 + shelf } else { shelf };
        run(
            db,
            &format!(
                "with s as (delete from shelves where id = {shelf} returning id), b as (delete from books where shelf_id = {shelf} returning *),
                      ds as (insert into deleted_shelves select id, now(), null, {archival} from s),
                      db as (insert into deleted_books select b.*, now(), null, {archival} from b)
                 insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables)
                 values ({archival}, 'public.shelves', '{{\"id\": {shelf}}}', now(), '{{\"public.shelves\": 1, \"public.books\": 2}}', '{{shelves, books}}')"
            ),
        )
        .await;
    }
    next_archival(db, 200).await;
}

/// The file of a table: TRUNCATE gives it another one.
async fn file(db: &impl ConnectionTrait, table: &str) -> i64 {
    number(
        db,
        &format!("select pg_relation_filenode('{table}')::bigint"),
    )
    .await
}

#[tokio::test]
async fn partition_of_expired_archivals_is_emptied_at_once() {
    let (_database, db) = expiring().await;
    archive(&db, 5).await;
    let before = file(&db, "deleted_books_0").await;
    let mut batches = archival::Entity::purge_expired().by("cron").in_batches(1);
    let purged = batches.next(&db).await.unwrap().unwrap();
    assert_eq!(purged.archivals, 3);
    assert_eq!(purged.rows["public.books"], 6);
    assert_eq!(purged.rows["public.shelves"], 3);
    assert_ne!(file(&db, "deleted_books_0").await, before);
    let record: serde_json::Value = one(
        &db,
        "select jsonb_build_object('by', purged_by, 'policy', purge_policy, 'rows', purged_rows, 'at', purged_at is not null) from archive.archival where id = 2",
    )
    .await;
    assert_eq!(
        record,
        serde_json::json!({"by": "cron", "policy": "at once", "at": true, "rows": {"public.books": 2, "public.shelves": 1}})
    );
    assert_eq!(
        count(&db, "archive.archival where purged_at is null").await,
        2
    );
    assert_eq!(archived(&db).await.len(), 6);
    // The next partition is one batch too.
    let purged = batches.next(&db).await.unwrap().unwrap();
    assert_eq!(purged.archivals, 2);
    assert!(batches.next(&db).await.unwrap().is_none());
    assert_eq!(archived(&db).await, [""; 0]);
}

/// What prevents a TRUNCATE, as SQL, and how many archivals a batch of ten deletes then. The rest of the purge finds the others.
async fn deleted_row_by_row(prepare: &str) {
    let (_database, db) = expiring().await;
    archive(&db, 3).await;
    run(&db, prepare).await;
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    let open = count(
        &db,
        "archive.archival where purged_at is null and restored_at is null",
    )
    .await;
    assert_eq!(
        (purged.archivals, file(&db, "deleted_books_0").await),
        (3 - open as u64, before),
        "{prepare}"
    );
    assert_eq!(count(&db, "deleted_books where archival_id in (select id from archive.archival where purged_at is not null)").await, 0);
}

#[tokio::test]
async fn triggers_foreign_keys_and_policies_lead_to_a_delete() {
    for prepare in [
        "create function noted() returns trigger language plpgsql as 'begin return null; end'; create trigger noted after delete on deleted_books execute function noted()",
        "create function noted() returns trigger language plpgsql as 'begin return null; end'; create trigger noted after delete on deleted_books_0 for each row execute function noted()",
        "create function noted() returns trigger language plpgsql as 'begin return null; end'; create trigger noted after truncate on deleted_books_0 execute function noted()",
        "alter table deleted_books enable row level security",
        "create publication p for table deleted_books with (publish = 'insert, update, delete', publish_via_partition_root)",
    ] {
        deleted_row_by_row(prepare).await;
    }
}

#[tokio::test]
async fn archival_that_has_not_expired_leads_to_a_delete_of_the_others() {
    let (_database, db) = expiring().await;
    SchemaManager::new(&db)
        .retain(
            "shelves",
            Retention::forever().metadata(serde_json::json!({"hold": true})),
        )
        .await
        .unwrap();
    for held in [1, 3] {
        run(
            &db,
            &format!(
                "update archive.archival set metadata = '{{\"hold\": true}}' where id = {held}"
            ),
        )
        .await;
    }
    archive(&db, 3).await;
    run(
        &db,
        "update archive.archival set metadata = '{\"hold\": true}' where id = 2",
    )
    .await;
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        (purged.archivals, file(&db, "deleted_books_0").await),
        (2, before)
    );
    assert_eq!(
        archived(&db).await,
        [
            "deleted_books_0 20 2",
            "deleted_books_0 21 2",
            "deleted_shelves_0 2 2"
        ]
    );
}

/// Rows of no archival, or of one that is recorded as restored or purged, are not deleted.
#[tokio::test]
async fn rows_of_no_open_archival_stay() {
    for record in [
        "delete from archive.archival where id = 2",
        "update archive.archival set restored_at = now() where id = 2",
        "update archive.archival set purged_at = now() where id = 2",
    ] {
        let (_database, db) = expiring().await;
        archive(&db, 3).await;
        run(&db, record).await;
        let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
        assert_eq!(purged.archivals, 2, "{record}");
        assert_eq!(
            archived(&db).await,
            [
                "deleted_books_0 20 2",
                "deleted_books_0 21 2",
                "deleted_shelves_0 2 2"
            ]
        );
    }
}

/// The partition has no rows of a restored archival.
#[tokio::test]
async fn partition_with_a_restored_archival_is_emptied() {
    let (_database, db) = expiring().await;
    archive(&db, 3).await;
    archival::Entity::restore_by_id(2).exec(&db).await.unwrap();
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 2);
    assert_ne!(file(&db, "deleted_books_0").await, before);
    assert_eq!(count(&db, "books where shelf_id = 2").await, 2);
}

/// The recorded counts are those of the archive. Rows that a restore deferred are counted.
#[tokio::test]
async fn rows_that_a_restore_deferred_are_counted() {
    let (_database, db) = expiring().await;
    let lent = lender::Entity::archive_by_id(1).exec(&db).await.unwrap();
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    assert_eq!(lent.restore(&db).await.unwrap().waiting.len(), 1);
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!((purged.archivals, purged.rows["public.books"]), (1, 2));
    assert_ne!(file(&db, "deleted_books_0").await, before);
    let rows =
        "select purged_rows->>'public.books' from archive.archival where purged_at is not null";
    assert_eq!(texts(&db, rows).await, ["2"]);
}

#[tokio::test]
async fn archival_with_rows_of_another_table_leads_to_a_delete() {
    let (_database, db) = expiring().await;
    run(&db, "insert into pages values (1, 10)").await;
    shelf::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!((purged.archivals, purged.rows["public.pages"]), (1, 1));
    assert_eq!(file(&db, "deleted_books_0").await, before);
    assert_eq!(archived(&db).await, [""; 0]);
}

/// The role has the rights to restore, and no right to TRUNCATE.
#[tokio::test]
async fn ordinary_role_purges_whole_partitions() {
    let (database, db) = expiring().await;
    archive(&db, 3).await;
    let role = database.role("worker").await;
    sea_orm_archive_migration::ArchiveSchema::grant_archive(&SchemaManager::new(&db), role.clone())
        .await
        .unwrap();
    let worker = database.connect_as("worker").await;
    let refused = archival::Entity::purge_expired()
        .exec(&worker)
        .await
        .unwrap();
    assert_eq!(
        (refused.archivals, refused.not_allowed),
        (
            0,
            vec!["public.books".to_owned(), "public.shelves".to_owned()]
        )
    );
    run(&db, &format!("grant insert on shelves, books to {role}; grant select, delete on deleted_shelves, deleted_books to {role}")).await;
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired()
        .exec(&worker)
        .await
        .unwrap();
    assert_eq!(purged.archivals, 3);
    assert_ne!(file(&db, "deleted_books_0").await, before);
    assert_eq!(
        count(&db, "archive.archival where purged_at is null").await,
        0
    );
}

/// A role that may not delete rows of one of the tables.
#[tokio::test]
async fn role_without_rights_on_a_child_table_purges_nothing() {
    let (database, db) = expiring().await;
    archive(&db, 3).await;
    let role = database.role("worker").await;
    sea_orm_archive_migration::ArchiveSchema::grant_archive(&SchemaManager::new(&db), role.clone())
        .await
        .unwrap();
    run(&db, &format!("grant insert on shelves, books to {role}; grant select, delete on deleted_shelves to {role}")).await;
    let worker = database.connect_as("worker").await;
    let refused = archival::Entity::purge_expired()
        .exec(&worker)
        .await
        .unwrap();
    assert_eq!(
        (refused.archivals, refused.not_allowed),
        (0, vec!["public.books".to_owned()])
    );
    assert_eq!(archived(&db).await.len(), 9);
}

#[tokio::test]
async fn purge_in_a_transaction_that_is_rolled_back_changes_nothing() {
    let (_database, db) = expiring().await;
    archive(&db, 3).await;
    let txn = db.begin().await.unwrap();
    archival::Entity::purge_expired().exec(&txn).await.unwrap();
    assert_eq!(archived(&txn).await, [""; 0]);
    txn.rollback().await.unwrap();
    assert_eq!(archived(&db).await.len(), 9);
}

/// Links that were cut from archived books are marked when the books are deleted.
#[tokio::test]
async fn links_of_archived_rows_lead_to_a_delete() {
    let (_database, db) = expiring().await;
    archive(&db, 3).await;
    run(
        &db,
        "insert into archive.detached_link (archival_id, child, child_key, edge, link) values (90, 'books', '[\"10\"]', 'lender_id', '{\"lender_id\": 1}')",
    )
    .await;
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(
        (purged.archivals, file(&db, "deleted_books_0").await),
        (3, before)
    );
}

#[tokio::test]
async fn cron_purges_whole_partitions() {
    let (_database, db) = expiring().await;
    archive(&db, 5).await;
    run(&db, "call archive.purge_all_expired(1)").await;
    assert_eq!(archived(&db).await, [""; 0]);
    run(&db, "select archive.make_archive_partitions(1)").await;
    let gone = "select count(*) from pg_class where relname = 'deleted_books_0'";
    assert_eq!(number(&db, gone).await, 0);
}

/// A partition with something held is not emptied: the archivals that are not held are purged one by one.
#[tokio::test]
async fn held_archival_keeps_its_partition() {
    let (_database, db) = expiring().await;
    archive(&db, 3).await;
    let one = number(&db, "select min(id) from archive.archival").await;
    let hold = archival::Entity::hold_by_id(one, "case 17");
    hold.exec(&db).await.unwrap();
    let before = file(&db, "deleted_books_0").await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 2);
    assert_eq!(file(&db, "deleted_books_0").await, before);
    let left = "select distinct archival_id::text from deleted_books";
    assert_eq!(texts(&db, left).await, [one.to_string()]);
}
