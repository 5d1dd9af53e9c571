//! Purging many archivals in one call, and in batches.

use std::time::Duration;

use blog::{comment, post, tag};
use sea_orm::{ColumnTrait, DatabaseConnection, IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{dumps, json, number, run};
use sea_orm_migration::SchemaManager;

use crate::races::blog::{BOTH, OnDelete, blog};

const ARCHIVE: [&str; 5] = [
    "deleted_posts",
    "deleted_comments",
    "deleted_likes",
    "deleted_post_tags",
    "archive.archival",
];

/// Ten more posts, 11 to 20, each with a comment.
async fn more_posts(db: &DatabaseConnection) {
    run(
        db,
        "insert into posts (id, title, slug, content, author_id) select n, 'Post', 'post ' || n, '', 1 from generate_series(11, 20) n;
         insert into comments (id, post_id, author_id, content) select n, n, 1, '' from generate_series(11, 20) n",
    )
    .await;
}

/// Lets an archival be so many days old.
async fn age(db: &DatabaseConnection, archivals: &str, days: i32) {
    run(
        db,
        &format!(
            "update archive.archival set archived_at = now() - {days} * interval '24 hours' where {archivals}"
        ),
    )
    .await;
}

#[tokio::test]
async fn purge_of_many_deletes_what_its_preview_counts_and_keeps_proof() {
    for on_delete in BOTH {
        let database = blog(on_delete).await;
        let db = database.connect().await;
        more_posts(&db).await;
        post::Entity::archive_many().exec(&db).await.unwrap();
        let before = dumps(&db, &ARCHIVE).await;
        let many = || {
            post::Entity::purge_many()
                .filter(post::deleted::Column::Id.lte(12))
                .by(7)
                .policy("erasure 12")
        };
        let preview = many().preview(&db).await.unwrap();
        assert_eq!(dumps(&db, &ARCHIVE).await, before);
        let purged = many().exec(&db).await.unwrap();
        assert_eq!(purged, preview);
        assert_eq!((purged.archivals, purged.rows["public.comments"]), (5, 4));
        assert_eq!(number(&db, "select count(*) from deleted_posts").await, 8);
        let proof = "select jsonb_build_array(purged_by, purge_policy, purged_rows) from archive.archival where purged_at is not null order by id limit 1";
        let expected = serde_json::json!(["7", "erasure 12", {"public.posts": 1, "public.comments": 1, "public.likes": 1, "public.post_tags": 1}]);
        assert_eq!(json(&db, proof).await, [expected]);
        let differ = "select count(*) from archive.archival where purged_at is not null and purged_rows <> (select jsonb_object_agg(key, value) from jsonb_each(row_counts) where value <> '0')";
        assert_eq!(number(&db, differ).await, 0);
        assert_eq!(many().exec(&db).await.unwrap().archivals, 0);
        let restored = post::Entity::restore_many().exec(&db).await.unwrap();
        assert_eq!(restored.archivals.len(), 8);
    }
}

#[tokio::test]
async fn older_than_compares_the_time_of_the_archive() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let old = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    age(&db, &format!("id = {}", old.id), 30).await;
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let older = |age| post::Entity::purge_many().older_than(age);
    assert_eq!(older(days(31)).exec(&db).await.unwrap().archivals, 0);
    assert_eq!(older(Duration::MAX).exec(&db).await.unwrap().archivals, 0);
    assert_eq!(older(days(30)).exec(&db).await.unwrap().archivals, 1);
    assert_eq!(
        number(&db, "select count(*) from deleted_posts where id = 2").await,
        1
    );
    let records = archival::Entity::purge_many().older_than(days(1));
    assert_eq!(records.exec(&db).await.unwrap().archivals, 0);
    assert_eq!(older(Duration::ZERO).exec(&db).await.unwrap().archivals, 1);
}

/// Rows that were archived with a parent are not roots.
#[tokio::test]
async fn filter_finds_roots_only() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let alone = comment::Entity::archive_by_id(2).exec(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let purged = comment::Entity::purge_many().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(
        number(
            &db,
            &format!(
                "select count(*) from archive.archival where purged_at is not null and id = {}",
                alone.id
            )
        )
        .await,
        1
    );
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        1
    );
}

#[tokio::test]
async fn archivals_of_several_tables_are_purged_by_their_records() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    post::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    tag::Entity::archive_by_id(1).by(7).exec(&db).await.unwrap();
    post::Entity::archive_by_id(3)
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    let of = |actor| archival::Entity::purge_many().filter(archival::Column::ArchivedBy.eq(actor));
    let preview = of("7").preview(&db).await.unwrap();
    assert_eq!(of("7").by("gdpr").exec(&db).await.unwrap(), preview);
    assert_eq!(
        (
            preview.archivals,
            preview.rows["public.posts"],
            preview.rows["public.tags"],
            preview.rows["public.post_tags"]
        ),
        (2, 1, 1, 2)
    );
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
}

#[tokio::test]
async fn batches_purge_whole_archivals_oldest_first() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    more_posts(&db).await;
    for id in [3, 2, 1] {
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    post::Entity::archive_many().exec(&db).await.unwrap();
    age(&db, "root_key = '{\"id\": 15}'", 10).await;
    let mut batches = post::Entity::purge_many().in_batches(4);
    let first = batches.next(&db).await.unwrap().unwrap();
    assert_eq!(first.archivals, 4);
    let oldest = "select count(*) from archive.archival where purged_at is not null and root_key->>'id' in ('15', '3', '2', '1')";
    assert_eq!(number(&db, oldest).await, 4);
    // Another process goes on.
    let mut batches = archival::Entity::purge_many().in_batches(5);
    let mut sizes = Vec::new();
    while let Some(purged) = batches.next(&db).await.unwrap() {
        sizes.push(purged.archivals);
    }
    assert_eq!(sizes, [5, 4]);
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        0
    );
    let transactions = "select count(distinct xmin::text) from archive.archival";
    assert_eq!(number(&db, transactions).await, 3);
}

#[tokio::test]
async fn batches_in_a_transaction_are_undone_with_it() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let before = dumps(&db, &ARCHIVE).await;
    let txn = db.begin().await.unwrap();
    let mut batches = post::Entity::purge_many().in_batches(2);
    while batches.next(&txn).await.unwrap().is_some() {}
    assert_eq!(number(&txn, "select count(*) from deleted_posts").await, 0);
    txn.rollback().await.unwrap();
    assert_eq!(dumps(&db, &ARCHIVE).await, before);
}

/// Race: the second waits for the first. What the first restored is not purged; what it purged is not restored.
#[tokio::test]
async fn purge_of_many_and_restore_of_one_at_the_same_time() {
    for purge_first in [true, false] {
        let database = blog(OnDelete::Cascade).await;
        let db = database.connect().await;
        let one = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
        post::Entity::archive_by_id(2).exec(&db).await.unwrap();
        if purge_first {
            let (purged, restored) = race! { database;
                first holds |txn| post::Entity::purge_many().exec(txn);
                second waits for first |db| archival::Entity::restore_by_id(one).exec(db);
                first commits;
            };
            assert_eq!(purged.archivals, 2);
            assert_eq!(restored.unwrap_err().kind(), ErrorKind::NotFound);
        } else {
            let (_, purged) = race! { database;
                first holds |txn| archival::Entity::restore_by_id(one).exec(txn);
                second waits for first |db| post::Entity::purge_many().exec(db);
                first commits;
            };
            assert_eq!(purged.unwrap().archivals, 1);
        }
        let there = number(&db, "select count(*) from posts where id = 1").await;
        assert_eq!(there, i64::from(!purge_first));
        assert_eq!(number(&db, "select count(*) from deleted_posts").await, 0);
    }
}

/// Race: the archive table is renamed after its name was read, and another table has its name. The rows of that one stay.
#[tokio::test]
async fn archive_table_that_is_replaced_during_a_purge() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap().id;
    run(
        &db,
        "create table other (like deleted_posts); insert into other select * from deleted_posts",
    )
    .await;
    let (_, purged) = race! { database;
        first holds |txn| async move {
            use sea_orm::ConnectionTrait;
            txn.execute_unprepared("alter table deleted_posts rename to moved; alter table other rename to deleted_posts").await?;
            Ok::<_, sea_orm::DbErr>(())
        };
        second waits for first |db| archival::Entity::purge_by_id(archival).exec(db);
        first commits;
    };
    purged.unwrap();
    assert_eq!(number(&db, "select count(*) from moved").await, 0);
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
}

/// A table that was rewritten after the snapshot of the transaction looks empty in it: its rows would remain, in an archival that is
/// marked as purged.
#[tokio::test]
async fn purge_with_a_snapshot_from_before_a_rewrite() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let archival = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let level = Some(IsolationLevel::RepeatableRead);
    let txn = db.begin_with_config(level, None).await.unwrap();
    // Takes the snapshot, and locks no archive table.
    number(&txn, "select count(*) from users").await;
    let other = database.connect().await;
    run(
        &other,
        "alter table deleted_posts alter column slug type text using slug || ''",
    )
    .await;
    let error = archival.purge(&txn).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    txn.rollback().await.unwrap();
    archival.purge(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 0);
}

#[tokio::test]
async fn role_with_the_grants_of_a_restore_purges_and_another_is_refused() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    let (web, guest) = (database.role("web").await, database.role("guest").await);
    for role in [&web, &guest] {
        manager.grant_archive(role).await.unwrap();
    }
    run(
        &db,
        &format!(
            "grant insert on posts, comments, likes, post_tags to \"{web}\";
             grant select, delete on deleted_posts, deleted_comments, deleted_likes, deleted_post_tags to \"{web}\";
             grant select on deleted_posts, deleted_comments to \"{guest}\""
        ),
    )
    .await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let guest = database.connect_as("guest").await;
    let error = post::Entity::purge_many().exec(&guest).await.unwrap_err();
    assert!(
        error.to_string().contains("may not restore or purge this"),
        "{error}"
    );
    let web = database.connect_as("web").await;
    let purged = post::Entity::purge_many().exec(&web).await.unwrap();
    assert_eq!(purged.archivals, 3);
}
