//! Purging an archival: its rows are deleted from the archive tables, and nothing else.

use blog::{comment, post, tag};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::error::{DriftError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_archive_tests::sql::{dumps, number, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_archive_tests::{assert_log_agrees, race};
use sea_orm_migration::SchemaManager;

use crate::races::blog::{BOTH, OnDelete, blog};
use crate::tables::family::{FAMILY, cascaded, detached, two_families};

const TABLES: [&str; 10] = [
    "posts",
    "comments",
    "likes",
    "post_tags",
    "tags",
    "deleted_posts",
    "deleted_comments",
    "deleted_likes",
    "deleted_post_tags",
    "deleted_tags",
];

#[tokio::test]
async fn purge_deletes_every_row_of_the_archival_and_nothing_else() {
    for on_delete in BOTH {
        let database = blog(on_delete).await;
        let db = database.connect().await;
        let other = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
        let before = dumps(&db, &TABLES).await;
        run(&db, "insert into posts (id, title, slug, content, author_id) values (7, 'Seven', 'seven', '', 1); insert into comments (id, post_id, author_id, content) values (70, 7, 1, '')").await;
        let archival = post::Entity::archive_by_id(7).exec(&db).await.unwrap();
        let purged = archival::Entity::purge_by_id(archival.id)
            .by("gdpr")
            .exec(&db)
            .await
            .unwrap();
        let rows = purged.rows.iter().filter(|(_, rows)| **rows > 0);
        let rows: Vec<_> = rows.map(|(table, rows)| (table.as_str(), *rows)).collect();
        assert_eq!(rows, [("public.comments", 1), ("public.posts", 1)]);
        assert_eq!(purged.archival.purged_by.as_deref(), Some("gdpr"));
        assert!(purged.archival.purged_at.is_some() && purged.archival.restored_at.is_none());
        assert_eq!(purged.archival.rows(), archival.rows());
        assert_eq!(dumps(&db, &TABLES).await, before);
        other.restore(&db).await.unwrap();
    }
}

#[tokio::test]
async fn archival_that_was_purged_is_neither_restored_nor_purged_again() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.purge(&db).await.unwrap();
    let gone = |error| matches!(error, Error::NotFound(NotFoundError::Archival { archival: id }) if id == archival.id);
    assert!(gone(archival.restore(&db).await.unwrap_err()));
    assert!(gone(archival.purge(&db).await.unwrap_err()));
    let preview = archival::Entity::restore_by_id(archival.id)
        .preview(&db)
        .await;
    assert!(gone(preview.unwrap_err()));
    let error = post::Entity::restore_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Row { .. })),
        "{error}"
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.archival where purged_at is not null"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn archival_that_was_restored_is_not_purged() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let before = dumps(&db, &TABLES).await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    let error = archival.purge(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Archival { .. })),
        "{error}"
    );
    assert_eq!(dumps(&db, &TABLES).await, before);
}

/// A row with two archived parents waits in the archival of the one that is restored last, and is purged with it.
#[tokio::test]
async fn row_that_waits_for_a_purged_parent_is_purged_with_it() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let (tag, post) = (
        tag::Entity::archive_by_id(1).exec(&db).await.unwrap(),
        post::Entity::archive_by_id(1).exec(&db).await.unwrap(),
    );
    let restored = tag.restore(&db).await.unwrap();
    assert_eq!(restored.waiting.iter().map(|w| w.rows).sum::<u64>(), 1);
    let purged = post.purge(&db).await.unwrap();
    assert_eq!(purged.rows["public.post_tags"], 1);
    assert_eq!(
        number(&db, "select count(*) from deleted_post_tags").await,
        0
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from post_tags where tag_id = 1 and post_id = 2"
        )
        .await,
        1
    );
}

/// The parent of an archived row was purged: the row is not restored without it.
#[tokio::test]
async fn row_below_a_purged_parent_is_a_conflict() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let comment = comment::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let post = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post.purge(&db).await.unwrap();
    let preview = archival::Entity::restore_by_id(comment.id)
        .preview(&db)
        .await
        .unwrap();
    assert!(
        matches!(
            preview.conflicts.as_slice(),
            [Conflict::MissingParent { archival: None, .. }]
        ),
        "{:?}",
        preview.conflicts
    );
}

#[tokio::test]
async fn purge_in_a_transaction_of_the_caller_is_rolled_back_with_it() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &TABLES).await;
    let txn = db.begin().await.unwrap();
    archival.purge(&txn).await.unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(dumps(&db, &TABLES).await, before);
    archival.restore(&db).await.unwrap();
}

/// Race: the second waits for the first, and finds nothing. No row is in neither table without a record of it.
#[tokio::test]
async fn restore_and_purge_of_one_archival_at_the_same_time() {
    for purge_first in [true, false] {
        let database = blog(OnDelete::Cascade).await;
        let db = database.connect().await;
        let before = dumps(&db, &TABLES).await;
        let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let id = archival.id;
        let error = if purge_first {
            let (_, restored) = race! { database;
                first holds |txn| archival::Entity::purge_by_id(id).exec(txn);
                second waits for first |db| archival::Entity::restore_by_id(id).exec(db);
                first commits;
            };
            assert_eq!(
                number(&db, "select count(*) from posts where id = 1").await,
                0
            );
            restored.unwrap_err()
        } else {
            let (_, purged) = race! { database;
                first holds |txn| archival::Entity::restore_by_id(id).exec(txn);
                second waits for first |db| archival::Entity::purge_by_id(id).exec(db);
                first commits;
            };
            assert_eq!(dumps(&db, &TABLES).await, before);
            purged.unwrap_err()
        };
        assert!(
            matches!(error, Error::NotFound(NotFoundError::Archival { .. })),
            "{error}"
        );
    }
}

/// Race: a restore that defers a row to the archival which is being purged waits, and then finds that its parent is missing.
#[tokio::test]
async fn row_is_not_deferred_to_an_archival_that_is_purged_at_the_same_time() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let (tag, post) = (
        tag::Entity::archive_by_id(1).exec(&db).await.unwrap(),
        post::Entity::archive_by_id(1).exec(&db).await.unwrap(),
    );
    let (tag, post) = (tag.id, post.id);
    let (_, restored) = race! { database;
        first holds |txn| archival::Entity::purge_by_id(post).exec(txn);
        second waits for first |db| archival::Entity::restore_by_id(tag).exec(db);
        first commits;
    };
    let error = restored.unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
    assert_eq!(
        number(&db, "select count(*) from deleted_post_tags").await,
        2
    );
}

/// Links that the archive cut are deleted with the archival: nothing can be put back.
#[tokio::test]
async fn links_of_a_purged_archival_are_deleted() {
    let (_database, db) = tables(&two_families("on delete set null"), &FAMILY).await;
    let first = detached::parent::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap();
    let second = detached::parent::Entity::archive_by_id(2)
        .exec(&db)
        .await
        .unwrap();
    first.purge(&db).await.unwrap();
    let links = "select count(*) from archive.detached_link";
    assert_eq!(number(&db, links).await, 2);
    assert_eq!(second.restore(&db).await.unwrap().relinked, 2);
    assert_eq!(
        number(&db, "select count(*) from children where parent_id = 2").await,
        2
    );
    assert_eq!(
        number(&db, "select count(*) from children where parent_id is null").await,
        3
    );
}

/// The log records the rows of a purged archival as deleted.
#[tokio::test]
async fn log_of_purged_rows_agrees() {
    let (_database, db) = tables("create table parents (id bigint primary key); create table children (id bigint primary key, parent_id bigint references parents on delete cascade)", &FAMILY).await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in FAMILY {
        manager.audit_table(table).await.unwrap();
    }
    run(
        &db,
        "insert into parents values (1), (2); insert into children values (11, 1), (21, 2)",
    )
    .await;
    cascaded::parent::Entity::archive_many()
        .exec(&db)
        .await
        .unwrap();
    let purged = archival::Entity::purge_by_id(1).exec(&db).await.unwrap();
    assert_eq!(purged.rows.values().sum::<u64>(), 2);
    assert_log_agrees(&db, &FAMILY).await;
    let deleted = "select count(*) from archive.audit_entry where operation = 'DELETE'";
    assert_eq!(number(&db, deleted).await, 2);
}

/// Race: the purge has locked the archival, and waits for a row that another session has locked. A restore that would defer a row to
/// the archival waits too: otherwise the row would remain in an archival that is purged.
#[tokio::test]
async fn archival_is_locked_before_its_rows_are_deleted() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let (tag, post) = (
        tag::Entity::archive_by_id(1).exec(&db).await.unwrap(),
        post::Entity::archive_by_id(1).exec(&db).await.unwrap(),
    );
    let holder = db.begin().await.unwrap();
    run(
        &holder,
        "select from deleted_comments where id = 1 for update",
    )
    .await;
    let (first, second) = (database.connect().await, database.connect().await);
    let purge = tokio::spawn(async move { post.purge(&first).await });
    wait_for(&db, 1).await;
    let restore = tokio::spawn(async move { tag.restore(&second).await });
    wait_for(&db, 2).await;
    holder.rollback().await.unwrap();
    purge.await.unwrap().unwrap();
    let error = restore.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
    assert_eq!(
        number(&db, "select count(*) from deleted_post_tags").await,
        2
    );
}

/// Waits until this many sessions wait for a lock.
async fn wait_for(db: &DatabaseConnection, sessions: i64) {
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    for _ in 0..500 {
        if number(db, waiting).await == sessions {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{sessions} sessions should wait for a lock");
}

/// The archive table remains where its table was dropped with plain SQL, and so do its rows.
#[tokio::test]
async fn purge_is_refused_while_rows_of_a_dropped_table_remain() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "drop table comments cascade").await;
    let error = archival.purge(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::IncompleteArchival { message }) if message.contains("still has rows in public.deleted_comments")),
        "{error}"
    );
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
    run(&db, "delete from deleted_comments").await;
    archival.purge(&db).await.unwrap();
}

/// A role that may restore closes no archival that has rows, by calling the function itself.
#[tokio::test]
async fn archival_with_rows_is_not_marked_as_purged() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let mark = format!(
        "select archive.finish_purge(array[{}]::bigint[], '{{}}', '{{}}', 'me', null)",
        archival.id
    );
    let error = db.execute_unprepared(&mark).await.unwrap_err();
    assert!(error.to_string().contains("still has rows in"), "{error}");
    archival.restore(&db).await.unwrap();
}
