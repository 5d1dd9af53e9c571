//! Sets of archivals of unusual tables, with triggers, and with rows that wait.

use sea_orm::ColumnTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run};
use sea_orm_archive_tests::tables::tables;

use super::entities::{ALL, ARCHIVE, comment, event, photo, post, posts};
use super::shop::{THESE, item, organizer, poster, shop, show, slot, venue};

/// The value of a set under a caller's transaction with deferrable constraints.
#[tokio::test]
async fn deferred_constraints_in_a_transaction() {
    use sea_orm::TransactionTrait;
    let (_database, db) = posts().await;
    run(
        &db,
        "alter table comments drop constraint comments_post, add constraint comments_post foreign key (post_id) references posts on delete cascade deferrable initially deferred;
         alter table posts drop constraint posts_slug, add constraint posts_slug unique (slug) deferrable initially deferred",
    )
    .await;
    let before = dumps(&db, &ALL).await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "insert into posts values (101, 'post 2')").await;
    let txn = db.begin().await.unwrap();
    let error = comment::Entity::restore_many()
        .exec(&txn)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let error = post::Entity::restore_many().exec(&txn).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let restored = archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(
        (restored.archivals.len(), restored.skipped.len()),
        (10, 1),
        "{restored:?}"
    );
    txn.commit().await.unwrap();
    run(&db, "delete from posts where id = 101").await;
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// The archive of rows that a set left behind is not changed by a refused restore.
#[tokio::test]
async fn root_deleted_from_the_archive_table() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "delete from deleted_posts where id = 3").await;
    let before = dumps(&db, &ARCHIVE).await;
    for skip in [false, true] {
        let set = archival::Entity::restore_many();
        let set = if skip { set.skip_conflicts() } else { set };
        let outcome = set.exec(&db).await;
        if let Err(error) = &outcome {
            assert_eq!(dumps(&db, &ARCHIVE).await, before, "{error}");
        } else {
            let restored = outcome.unwrap();
            assert_eq!((restored.archivals.len(), restored.skipped.len()), (9, 1));
        }
    }
    let left = post::Entity::restore_many().exec(&db).await.unwrap();
    assert!(left.archivals.len() == 9 || left.archivals.is_empty());
    assert_eq!(number(&db, "select count(*) from posts").await, 9);
}

/// The archival of a parent is skipped, so rows of another one wait.
#[tokio::test]
async fn rows_wait_for_an_archival_that_is_skipped() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let parent = organizer::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap()
        .id;
    run(&db, "insert into shows values (2, 3, 2)").await;
    let all = || archival::Entity::restore_many().skip_conflicts();
    let preview = all().preview(&db).await.unwrap();
    let restored = all().exec(&db).await.unwrap();
    assert_eq!(
        (
            restored.archivals.len(),
            restored.skipped.len(),
            restored.waiting.len()
        ),
        (1, 1, 1),
        "{restored:?}"
    );
    assert_eq!(restored.waiting[0].archival, parent);
    assert_eq!(
        (
            &preview.waiting,
            &preview.conflicts,
            &preview.rows["public.venues"]
        ),
        (
            &restored.waiting,
            &restored.skipped,
            &restored.rows["public.venues"]
        )
    );
    assert!(restored.missing.is_empty());
    run(&db, "delete from shows where id = 2").await;
    all().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// A row that was deferred to an archival with another row of the same unique value.
#[tokio::test]
async fn two_rows_of_one_archival_with_one_unique_value() {
    let (_database, db) = shop().await;
    run(&db, "alter table shows add column code text constraint shows_code unique; update shows set code = 'x' where id = 1").await;
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(
        &sea_orm_migration::SchemaManager::new(&db),
        "shows",
    )
    .await
    .unwrap();
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "update shows set code = 'x' where id = 2").await;
    let last = organizer::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap()
        .id;
    archival::Entity::restore_by_id(first)
        .exec(&db)
        .await
        .unwrap();
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let preview = archival::Entity::restore_many()
        .skip_conflicts()
        .preview(&db)
        .await;
    let restored = archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await;
    let restored = restored.unwrap_or_else(|error| panic!("{error} {preview:?}"));
    assert_eq!(restored.archivals.len(), 1);
    assert_eq!(restored.skipped[0].archival, Some(last));
}

/// A row that waits and gets its link back in the same call.
#[tokio::test]
async fn link_of_a_row_that_waits() {
    let (_database, db) = shop().await;
    // A poster has a second parent: an organizer.
    run(&db, "alter table posters add column sponsor_id bigint constraint posters_sponsor references venues on delete restrict").await;
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(
        &sea_orm_migration::SchemaManager::new(&db),
        "posters",
    )
    .await
    .unwrap();
    run(&db, "update posters set sponsor_id = 3 where id = 1").await;
    let before = dumps(&db, &THESE).await;
    show::Entity::archive_by_id(1).exec(&db).await.unwrap();
    poster::Entity::archive_by_id(1).exec(&db).await.unwrap();
    poster::Entity::archive_by_id(3).exec(&db).await.unwrap();
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let two =
        archival::Entity::restore_many().filter(archival::Column::RootTable.eq("public.shows"));
    let restored = two.exec(&db).await.unwrap();
    assert_eq!(restored.relinked, 1, "{restored:?}");
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// Tables that were renamed, and got a column, between archive and restore.
#[tokio::test]
async fn renamed_tables() {
    let (_database, db) = posts().await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    photo::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "alter table posts rename to articles; alter table comments rename column post_id to article_id; alter table photos rename to pictures; alter table pictures rename column event_id to at_event").await;
    run(&db, "alter table deleted_comments rename column post_id to article_id; alter table deleted_photos rename column event_id to at_event").await;
    let preview = archival::Entity::restore_many().preview(&db).await;
    let restored = archival::Entity::restore_many().exec(&db).await;
    let restored = restored.unwrap_or_else(|error| panic!("{error} {preview:?}"));
    assert_eq!(restored.archivals.len(), 16, "{restored:?}");
    assert_eq!(
        (restored.relinked, restored.missing.len()),
        (12, 0),
        "{restored:?}"
    );
    assert_eq!(
        number(&db, "select count(*) from pictures where at_event is null").await,
        0
    );
}

/// Partitioned and stamped tables.
#[tokio::test]
async fn partitioned_and_stamped_tables() {
    use sea_orm_archive_migration::{ArchiveSchema, StampSchema};
    let (_database, db) = tables(
        "create table items (id bigint primary key, code text) partition by range (id);
         create table items_1 partition of items for values from (0) to (100);
         create table items_2 partition of items for values from (100) to (1000);
         create table slots (id bigint primary key, code text unique);
         insert into items select n, 'code ' || n from generate_series(1, 200) n;
         insert into slots select n, 'code ' || n from generate_series(1, 20) n",
        &["items", "slots"],
    )
    .await;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    manager.stamp_table("slots").await.unwrap();
    manager.sync_archived_table("slots").await.unwrap();
    let before = dumps(&db, &["items", "slots"]).await;
    item::Entity::archive_many().exec(&db).await.unwrap();
    slot::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "insert into items values (150, 'other')").await;
    let restored = archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (219, 1));
    run(&db, "delete from items where id = 150").await;
    item::Entity::restore_many()
        .in_batches(7)
        .next(&db)
        .await
        .unwrap();
    assert_eq!(dumps(&db, &["items", "slots"]).await, before);
}

/// A chain without a ring: every row refers to the one before it, and all are archived in one call.
#[tokio::test]
async fn batches_with_two_parents_in_one_call() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    organizer::Entity::archive_many().exec(&db).await.unwrap();
    venue::Entity::archive_many().exec(&db).await.unwrap();
    let mut batches = organizer::Entity::restore_many().in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    let mut batches = venue::Entity::restore_many().in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// The future of a step by step restore is dropped at many points.
#[tokio::test]
async fn dropped_step_by_step_restore() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    let archived = dumps(&db, &ARCHIVE).await;
    for micros in (0..60).map(|n| n * 700) {
        let set = archival::Entity::restore_many().skip_conflicts();
        if tokio::time::timeout(std::time::Duration::from_micros(micros), set.exec(&db))
            .await
            .is_ok()
        {
            break;
        }
        if dumps(&db, &ARCHIVE).await != archived {
            break;
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// The error of too many values.
#[tokio::test]
async fn huge_filter() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let many = post::Entity::restore_many()
        .filter(post::deleted::Column::Id.is_in(5..70_000))
        .exec(&db)
        .await;
    let archive = post::Entity::archive_many()
        .filter(post::Column::Id.is_in(5..70_000))
        .exec(&db)
        .await;
    let many = many
        .map(|restored| restored.archivals.len())
        .map_err(|error| format!("{:?} {error}", error.kind()));
    let archive = archive
        .map(|archived| archived.len())
        .map_err(|error| format!("{:?} {error}", error.kind()));
    println!("{many:?} {archive:?}");
    if let Err(error) = many {
        assert!(
            !error.starts_with("Database"),
            "{error}; archive: {archive:?}"
        );
    }
}
