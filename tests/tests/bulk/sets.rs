//! Sets of archivals: parents in and outside of the set, links, conflicts, dropped tables.

use sea_orm::ColumnTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{LostLinkReason, archival};
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::entities::{ALL, event, photo, post, posts};
use super::shop::{THESE, item, node, organizer, poster, shop, show, slot, two_brands, venue};

/// A parent in the set, and another archived row with the same referenced value outside of it.
#[tokio::test]
async fn child_with_its_parent_in_the_set_does_not_wait_for_another_of_the_same_value() {
    let (_database, db) = shop().await;
    let (_, second) = two_brands(&db).await;
    let restored = archival::Entity::restore_many()
        .filter(archival::Column::Id.eq(second))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.waiting, [], "nothing waits");
    assert_eq!(texts(&db, "select id::text from cars").await, ["2"]);
}

#[tokio::test]
async fn single_restore_with_two_parents_of_one_value() {
    let (_database, db) = shop().await;
    let (_, second) = two_brands(&db).await;
    // Step by step, as a first restore of a process does it.
    let preview = archival::Entity::restore_by_id(second)
        .preview(&db)
        .await
        .unwrap();
    assert_eq!(preview.waiting, [], "nothing waits");
    let txn = sea_orm::TransactionTrait::begin(&db).await.unwrap();
    let restored = archival::Entity::restore_by_id(second)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(restored.waiting, [], "nothing waits");
}

#[tokio::test]
async fn skipping_one_of_two_parents_of_one_value() {
    let (_database, db) = shop().await;
    two_brands(&db).await;
    let restored = archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (
            restored.archivals.len(),
            restored.skipped.len(),
            restored.waiting.len()
        ),
        (1, 1, 0)
    );
    assert_eq!(texts(&db, "select id::text from cars").await, ["2"]);
    assert_eq!(
        number(&db, "select archival_id from deleted_cars where id = 1").await,
        1
    );
}

/// The cut of show 1 is older than that of show 2, but show 1 waits in a later archival.
#[tokio::test]
async fn deferred_link_is_not_the_latest() {
    let (_database, db) = shop().await;
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "update posters set show_id = 3 where id = 1").await;
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "delete from posters where id <> 1").await;
    organizer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let waiting = archival::Entity::restore_by_id(first)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(waiting.waiting.len(), 1);
    let restored = archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(
        texts(&db, "select show_id::text from posters where id = 1").await,
        ["3"],
        "the last value: {restored:?}"
    );
}

/// The latest of three rows with one value has another conflict, so the one before it could be restored.
#[tokio::test]
async fn older_archival_is_restored_where_the_later_one_is_skipped() {
    let (_database, db) = posts().await;
    for id in [21, 22, 23] {
        run(&db, &format!("insert into posts values ({id}, 'news')")).await;
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    run(&db, "insert into posts values (23, 'other')").await;
    let restored = post::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        texts(&db, "select id::text from posts where slug = 'news'").await,
        ["22"],
        "{restored:?}"
    );
}

/// Ranges overlap pairwise: without the middle one both others can be restored.
#[tokio::test]
async fn exclusion_constraint_with_skip() {
    let (_database, db) = shop().await;
    for (id, range) in [(1, "[1,5)"), (2, "[4,8)"), (3, "[7,10)")] {
        run(&db, &format!("insert into slots values ({id}, '{range}')")).await;
        slot::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let error = slot::Entity::restore_many().exec(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let restored = slot::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        texts(&db, "select id::text from slots order by id").await,
        ["1", "3"],
        "{restored:?}"
    );
}

#[tokio::test]
async fn partial_expression_and_nulls_not_distinct_indexes_with_skip() {
    let (_database, db) = shop().await;
    let rows = "insert into items values (1, null, false, 'A')|insert into items values (2, null, false, 'b')|insert into items values (3, 'x', false, 'a')|insert into items values (4, 'y', true, 'a')";
    for (n, row) in rows.split('|').enumerate() {
        run(&db, row).await;
        item::Entity::archive_by_id(n as i64 + 1)
            .exec(&db)
            .await
            .unwrap();
    }
    let preview = item::Entity::restore_many().preview(&db).await.unwrap();
    assert_eq!(preview.conflicts.len(), 1, "{preview:?}");
    assert_eq!(preview.conflicts[0].conflicts.len(), 2, "{preview:?}");
    let restored = item::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        texts(&db, "select id::text from items order by id").await,
        ["2", "3", "4"],
        "{restored:?}"
    );
}

#[tokio::test]
async fn more_than_a_thousand_conflicts_are_skipped() {
    let (_database, db) = posts().await;
    run(
        &db,
        "insert into posts select n, 'post ' || n from generate_series(11, 1300) n",
    )
    .await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts select 10000 + n, 'post ' || n from generate_series(1, 1250) n",
    )
    .await;
    let preview = post::Entity::restore_many()
        .skip_conflicts()
        .preview(&db)
        .await
        .unwrap();
    let restored = post::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (restored.archivals.len(), restored.skipped.len()),
        (50, 1250)
    );
    assert_eq!(
        (preview.archivals.len(), preview.conflicts.len()),
        (50, 1250)
    );
}

/// An archival whose only table was dropped is not marked as restored with others.
#[tokio::test]
async fn archival_whose_tables_were_dropped() {
    let (_database, db) = posts().await;
    run(&db, "insert into events values (99)").await;
    let lost = event::Entity::archive_by_id(99).exec(&db).await.unwrap().id;
    let kept = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "drop table events cascade").await;
    let alone = archival::Entity::restore_by_id(lost).exec(&db).await;
    let both = archival::Entity::restore_many().exec(&db).await;
    assert_eq!(
        number(&db, &format!("select count(*) from archive.archival where id = {lost} and restored_at is not null")).await,
        0,
        "alone: {alone:?}; with archival {kept}: {both:?}; left: {:?}",
        texts(&db, "select id::text from deleted_events").await
    );
}

/// The same where only the root table was dropped.
#[tokio::test]
async fn archival_whose_root_table_was_dropped() {
    let (_database, db) = posts().await;
    let lost = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    event::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let single = post::Entity::archive_by_id(2).exec(&db).await.unwrap().id;
    run(&db, "drop table posts cascade").await;
    println!(
        "alone: {:?}",
        archival::Entity::restore_by_id(single).exec(&db).await
    );
    let before = dumps(&db, &["deleted_posts"]).await;
    let both = archival::Entity::restore_many().exec(&db).await;
    let marked = number(
        &db,
        &format!(
            "select count(*) from archive.archival where id = {lost} and restored_at is not null"
        ),
    )
    .await;
    assert_eq!(dumps(&db, &["deleted_posts"]).await, before);
    assert_eq!(marked, 0, "{both:?}");
}

/// Some rows of an archival wait for a parent outside of the set, others do not.
#[tokio::test]
async fn some_rows_wait_and_the_parent_is_in_a_later_batch() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    run(&db, "insert into shows values (4, 1, 2)").await;
    venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    organizer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let preview = venue::Entity::restore_many().preview(&db).await.unwrap();
    let restored = venue::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(preview.waiting, restored.waiting);
    assert_eq!(preview.not_relinked, restored.not_relinked);
    assert_eq!(
        texts(&db, "select id::text from shows order by id").await,
        ["3", "4"]
    );
    let mut batches = organizer::Entity::restore_many().in_batches(0);
    let mut n = 0;
    while let Some(restored) = batches.next(&db).await.unwrap() {
        assert_eq!(
            (restored.relinked, restored.missing.len()),
            (2, 0),
            "{restored:?}"
        );
        n += 1;
    }
    assert_eq!(n, 1);
    run(&db, "delete from shows where id = 4").await;
    assert_eq!(dumps(&db, &THESE).await, before);
}

#[tokio::test]
async fn self_referencing_tree_in_parts() {
    let (_database, db) = shop().await;
    run(
        &db,
        "insert into nodes values (1, null), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, null)",
    )
    .await;
    let before = dumps(&db, &["nodes"]).await;
    for id in [4, 6, 2, 1, 7] {
        node::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let some =
        || node::Entity::restore_many().filter(node::deleted::Column::Id.is_in([4, 6, 7, 2]));
    let preview = some().skip_conflicts().preview(&db).await.unwrap();
    let restored = some().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!(
        (restored.archivals.len(), restored.skipped.len()),
        (1, 3),
        "{restored:?}"
    );
    assert_eq!(restored.skipped, preview.conflicts);
    let mut batches = node::Entity::restore_many().in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(dumps(&db, &["nodes"]).await, before);
    node::Entity::archive_many()
        .in_batches(2)
        .next(&db)
        .await
        .unwrap();
    let mut archive = node::Entity::archive_many().in_batches(2);
    while archive.next(&db).await.unwrap().is_some() {}
    node::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &["nodes"]).await, before);
}

#[tokio::test]
async fn batches_of_any_size() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let mut restore = post::Entity::restore_many().in_batches(u64::MAX);
    assert!(restore.next(&db).await.unwrap().is_none());
    let mut archive = post::Entity::archive_many()
        .filter(post::Column::Id.gt(5))
        .in_batches(0);
    assert_eq!(archive.next(&db).await.unwrap().unwrap().len(), 1);
    let mut archive = post::Entity::archive_many().in_batches(i64::MAX.unsigned_abs());
    assert_eq!(archive.next(&db).await.unwrap().unwrap().len(), 9);
    let mut restore = post::Entity::restore_many().in_batches(u64::MAX);
    assert_eq!(
        restore.next(&db).await.unwrap().unwrap().archivals.len(),
        10
    );
    assert_eq!(dumps(&db, &ALL).await, before);
    let mut archive = post::Entity::archive_many().in_batches(u64::MAX);
    assert_eq!(archive.next(&db).await.unwrap().unwrap().len(), 10);
}

/// A link of a row, cut by three archivals, whose row is archived in the set, outside of it, or deleted.
#[tokio::test]
async fn link_that_three_archivals_cut() {
    for end in ["active", "archived outside", "archived inside", "deleted"] {
        let (_database, db) = posts().await;
        run(
            &db,
            "update photos set event_id = 1 where id = 1; delete from photos where id <> 1",
        )
        .await;
        for id in [1, 2, 3] {
            run(&db, &format!("update photos set event_id = {id}")).await;
            event::Entity::archive_by_id(id).exec(&db).await.unwrap();
        }
        match end {
            "deleted" => run(&db, "delete from photos").await,
            "active" => {}
            _ => {
                photo::Entity::archive_by_id(1).exec(&db).await.unwrap();
            }
        }
        let set = match end {
            "archived inside" => archival::Entity::restore_many(),
            _ => archival::Entity::restore_many()
                .filter(archival::Column::RootTable.eq("public.events")),
        };
        let preview = set.clone().preview(&db).await.unwrap();
        let restored = set.exec(&db).await.unwrap();
        assert_eq!(preview.not_relinked, restored.not_relinked, "{end}");
        if end == "deleted" {
            assert_eq!(
                (restored.relinked, restored.not_relinked.len()),
                (0, 3),
                "{end} {restored:?}"
            );
            continue;
        }
        if end == "archived outside" {
            photo::Entity::restore_by_id(1).exec(&db).await.unwrap();
        }
        assert_eq!(
            (restored.relinked, restored.not_relinked.len()),
            (1, 2),
            "{end} {restored:?}"
        );
        assert!(
            restored
                .not_relinked
                .iter()
                .all(|l| l.reason == LostLinkReason::OtherLink)
        );
        assert_eq!(
            texts(&db, "select event_id::text from photos").await,
            ["3"],
            "{end}"
        );
        assert_eq!(
            number(&db, "select count(*) from archive.detached_link").await,
            0,
            "{end}"
        );
    }
}

/// A set where one event is purged or left out keeps the link of the others.
#[tokio::test]
async fn link_of_two_where_the_later_is_outside() {
    let (_database, db) = posts().await;
    run(
        &db,
        "update photos set event_id = 1 where id = 1; delete from photos where id <> 1",
    )
    .await;
    for id in [1, 2, 3] {
        run(&db, &format!("update photos set event_id = {id}")).await;
        event::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let restored = event::Entity::restore_many()
        .filter(event::deleted::Column::Id.lt(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        texts(&db, "select event_id::text from photos").await,
        ["2"],
        "{restored:?}"
    );
    let restored = event::Entity::restore_by_id(3).exec(&db).await.unwrap();
    assert_eq!(restored.not_relinked.len(), 1);
}

/// Links that are cut from shows' posters, where the show comes back with the poster in one set of three tables.
#[tokio::test]
async fn set_of_different_root_tables_with_links() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    poster::Entity::archive_by_id(3).exec(&db).await.unwrap();
    show::Entity::archive_by_id(1).exec(&db).await.unwrap();
    organizer::Entity::archive_by_id(2).exec(&db).await.unwrap();
    venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    poster::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let preview = archival::Entity::restore_many().preview(&db).await.unwrap();
    assert!(preview.conflicts.is_empty(), "{preview:?}");
    let restored = archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(preview.not_relinked, restored.not_relinked);
    assert_eq!(
        preview.rows.values().sum::<u64>(),
        restored.rows.values().sum::<u64>()
    );
    assert_eq!(dumps(&db, &THESE).await, before, "{restored:?}");
    assert!(restored.missing.is_empty());
}

/// A row that waits while the archival of its parent is in the set under another link: composite of two parents, one in and one out.
#[tokio::test]
async fn row_with_one_parent_in_the_set_and_one_outside() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    let row = show::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let venue = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let organizer = organizer::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap()
        .id;
    let two = || archival::Entity::restore_many().filter(archival::Column::Id.is_in([row, venue]));
    let error = two().exec(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let skipped = two().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!(
        (skipped.archivals.len(), skipped.skipped.len()),
        (1, 1),
        "{skipped:?}"
    );
    archival::Entity::restore_many()
        .filter(archival::Column::Id.is_in([row, organizer]))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}
