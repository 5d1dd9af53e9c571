//! Attacks on sets of archivals: parents, links, conflicts, dropped tables.

use sea_orm::{ColumnTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{LostLinkReason, archival};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};
use sea_orm_archive_tests::tables::tables;

use super::attack_entities::{brand, item, node, organizer, poster, show, slot, venue};
use super::entities::{ALL, ARCHIVE, comment, event, photo, post, posts};

const TABLES: &str = "create table brands (id bigint primary key, code text not null constraint brands_code unique);
    create table cars (id bigint primary key, brand_code text not null constraint cars_brand references brands (code) on delete cascade);
    create table venues (id bigint primary key);
    create table organizers (id bigint primary key);
    create table shows (id bigint primary key, venue_id bigint not null constraint shows_venue references venues on delete cascade,
        organizer_id bigint not null constraint shows_organizer references organizers on delete cascade);
    create table posters (id bigint primary key, show_id bigint constraint posters_show references shows on delete set null);
    create table nodes (id bigint primary key, parent_id bigint constraint nodes_parent references nodes on delete cascade);
    create table slots (id bigint primary key, during int4range not null, constraint slots_during exclude using gist (during with &&));
    create table items (id bigint primary key, code text constraint items_code unique nulls not distinct, deleted boolean not null default false, name text);
    create unique index items_name on items (lower(name)) where not deleted;
    insert into venues values (1), (2), (3); insert into organizers values (1), (2);
    insert into shows values (1, 1, 1), (2, 2, 1), (3, 3, 2);
    insert into posters values (1, 1), (2, 2), (3, 3)";

const THESE: [&str; 9] = [
    "brands", "cars", "venues", "organizers", "shows", "posters", "nodes", "slots", "items",
];

async fn shop() -> (Database, DatabaseConnection) {
    tables(TABLES, &THESE).await
}

async fn two_brands(db: &DatabaseConnection) -> (i64, i64) {
    run(db, "insert into brands values (1, 'a'); insert into cars values (1, 'a')").await;
    let first = brand::Entity::archive_by_id(1).exec(db).await.unwrap().id;
    run(db, "insert into brands values (2, 'a'); insert into cars values (2, 'a')").await;
    let second = brand::Entity::archive_by_id(2).exec(db).await.unwrap().id;
    (first, second)
}

/// A parent in the set, and another archived row with the same referenced value outside of it.
#[tokio::test]
async fn attack_child_with_its_parent_in_the_set_does_not_wait_for_another_of_the_same_value() {
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
async fn attack_single_restore_with_two_parents_of_one_value() {
    let (_database, db) = shop().await;
    let (_, second) = two_brands(&db).await;
    // Step by step, as a first restore of a process does it.
    let preview = archival::Entity::restore_by_id(second).preview(&db).await.unwrap();
    assert_eq!(preview.waiting, [], "nothing waits");
    let txn = sea_orm::TransactionTrait::begin(&db).await.unwrap();
    let restored = archival::Entity::restore_by_id(second).exec(&txn).await.unwrap();
    assert_eq!(restored.waiting, [], "nothing waits");
}

#[tokio::test]
async fn attack_skipping_one_of_two_parents_of_one_value() {
    let (_database, db) = shop().await;
    two_brands(&db).await;
    let restored = archival::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len(), restored.waiting.len()), (1, 1, 0));
    assert_eq!(texts(&db, "select id::text from cars").await, ["2"]);
    assert_eq!(number(&db, "select archival_id from deleted_cars where id = 1").await, 1);
}

/// The cut of show 1 is older than that of show 2, but show 1 waits in a later archival.
#[tokio::test]
async fn attack_deferred_link_is_not_the_latest() {
    let (_database, db) = shop().await;
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "update posters set show_id = 3 where id = 1").await;
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "delete from posters where id <> 1").await;
    organizer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let waiting = archival::Entity::restore_by_id(first).exec(&db).await.unwrap();
    assert_eq!(waiting.waiting.len(), 1);
    let restored = archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select show_id::text from posters where id = 1").await, ["3"], "the last value: {restored:?}");
}

/// Two archivals cut the same foreign key, and both rows wait for one other archival.
#[tokio::test]
async fn attack_two_deferred_links_of_one_foreign_key() {
    let (_database, db) = shop().await;
    run(&db, "delete from posters where id <> 1").await;
    venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "update posters set show_id = 2 where id = 1").await;
    venue::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let last = organizer::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let restored = archival::Entity::restore_many().filter(archival::Column::Id.lt(last)).exec(&db).await.unwrap();
    assert_eq!(restored.waiting.iter().map(|w| w.rows).sum::<u64>(), 2);
    let restored = archival::Entity::restore_by_id(last).exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select coalesce(show_id::text, 'none') from posters where id = 1").await, ["2"], "{restored:?} {:?}", texts(&db, "select l::text from archive.detached_link l").await);
}

/// The latest of three rows with one value has another conflict, so the one before it could be restored.
#[tokio::test]
async fn attack_older_archival_is_restored_where_the_later_one_is_skipped() {
    let (_database, db) = posts().await;
    for id in [21, 22, 23] {
        run(&db, &format!("insert into posts values ({id}, 'news')")).await;
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    run(&db, "insert into posts values (23, 'other')").await;
    let restored = post::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select id::text from posts where slug = 'news'").await, ["22"], "{restored:?}");
}

/// Ranges overlap pairwise: without the middle one both others can be restored.
#[tokio::test]
async fn attack_exclusion_constraint_with_skip() {
    let (_database, db) = shop().await;
    for (id, range) in [(1, "[1,5)"), (2, "[4,8)"), (3, "[7,10)")] {
        run(&db, &format!("insert into slots values ({id}, '{range}')")).await;
        slot::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let error = slot::Entity::restore_many().exec(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let restored = slot::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select id::text from slots order by id").await, ["1", "3"], "{restored:?}");
}

#[tokio::test]
async fn attack_partial_expression_and_nulls_not_distinct_indexes_with_skip() {
    let (_database, db) = shop().await;
    let rows = "insert into items values (1, null, false, 'A')|insert into items values (2, null, false, 'b')|insert into items values (3, 'x', false, 'a')|insert into items values (4, 'y', true, 'a')";
    for (n, row) in rows.split('|').enumerate() {
        run(&db, row).await;
        item::Entity::archive_by_id(n as i64 + 1).exec(&db).await.unwrap();
    }
    let preview = item::Entity::restore_many().preview(&db).await.unwrap();
    assert_eq!(preview.conflicts.len(), 1, "{preview:?}");
    assert_eq!(preview.conflicts[0].conflicts.len(), 2, "{preview:?}");
    let restored = item::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select id::text from items order by id").await, ["2", "3", "4"], "{restored:?}");
}

#[tokio::test]
async fn attack_more_than_a_thousand_conflicts_are_skipped() {
    let (_database, db) = posts().await;
    run(&db, "insert into posts select n, 'post ' || n from generate_series(11, 1300) n").await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "insert into posts select 10000 + n, 'post ' || n from generate_series(1, 1250) n").await;
    let preview = post::Entity::restore_many().skip_conflicts().preview(&db).await.unwrap();
    let restored = post::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (50, 1250));
    assert_eq!((preview.archivals.len(), preview.conflicts.len()), (50, 1250));
}

/// An archival whose only table was dropped is not marked as restored with others.
#[tokio::test]
async fn attack_archival_whose_tables_were_dropped() {
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
async fn attack_archival_whose_root_table_was_dropped() {
    let (_database, db) = posts().await;
    let lost = post::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    event::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let single = post::Entity::archive_by_id(2).exec(&db).await.unwrap().id;
    run(&db, "drop table posts cascade").await;
    println!("alone: {:?}", archival::Entity::restore_by_id(single).exec(&db).await);
    let before = dumps(&db, &["deleted_posts"]).await;
    let both = archival::Entity::restore_many().exec(&db).await;
    let marked = number(&db, &format!("select count(*) from archive.archival where id = {lost} and restored_at is not null")).await;
    assert_eq!(dumps(&db, &["deleted_posts"]).await, before);
    assert_eq!(marked, 0, "{both:?}");
}

/// Rows that an archival got from another one do not hide rows that were lost from a third.
#[tokio::test]
async fn attack_missing_rows_are_counted_for_each_archival() {
    let (_database, db) = shop().await;
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "delete from shows where organizer_id = 1").await;
    organizer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let waits = archival::Entity::restore_by_id(first).exec(&db).await.unwrap();
    assert_eq!(waits.waiting.len(), 1);
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "delete from deleted_shows where id = 3").await;
    let restored = archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored.missing.get("public.shows"), Some(&1), "{restored:?}");
}

/// Some rows of an archival wait for a parent outside of the set, others do not.
#[tokio::test]
async fn attack_some_rows_wait_and_the_parent_is_in_a_later_batch() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    run(&db, "insert into shows values (4, 1, 2)").await;
    venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    organizer::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let preview = venue::Entity::restore_many().preview(&db).await.unwrap();
    let restored = venue::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(preview.waiting, restored.waiting);
    assert_eq!(preview.not_relinked, restored.not_relinked);
    assert_eq!(texts(&db, "select id::text from shows order by id").await, ["3", "4"]);
    let mut batches = organizer::Entity::restore_many().in_batches(0);
    let mut n = 0;
    while let Some(restored) = batches.next(&db).await.unwrap() {
        assert_eq!((restored.relinked, restored.missing.len()), (2, 0), "{restored:?}");
        n += 1;
    }
    assert_eq!(n, 1);
    run(&db, "delete from shows where id = 4").await;
    assert_eq!(dumps(&db, &THESE).await, before);
}

#[tokio::test]
async fn attack_self_referencing_tree_in_parts() {
    let (_database, db) = shop().await;
    run(&db, "insert into nodes values (1, null), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, null)").await;
    let before = dumps(&db, &["nodes"]).await;
    for id in [4, 6, 2, 1, 7] {
        node::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let some = || node::Entity::restore_many().filter(node::deleted::Column::Id.is_in([4, 6, 7, 2]));
    let preview = some().skip_conflicts().preview(&db).await.unwrap();
    let restored = some().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (1, 3), "{restored:?}");
    assert_eq!(restored.skipped, preview.conflicts);
    let mut batches = node::Entity::restore_many().in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(dumps(&db, &["nodes"]).await, before);
    node::Entity::archive_many().in_batches(2).next(&db).await.unwrap();
    let mut archive = node::Entity::archive_many().in_batches(2);
    while archive.next(&db).await.unwrap().is_some() {}
    node::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &["nodes"]).await, before);
}

#[tokio::test]
async fn attack_batches_of_any_size() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let mut restore = post::Entity::restore_many().in_batches(u64::MAX);
    assert!(restore.next(&db).await.unwrap().is_none());
    let mut archive = post::Entity::archive_many().filter(post::Column::Id.gt(5)).in_batches(0);
    assert_eq!(archive.next(&db).await.unwrap().unwrap().len(), 1);
    let mut archive = post::Entity::archive_many().in_batches(i64::MAX.unsigned_abs());
    assert_eq!(archive.next(&db).await.unwrap().unwrap().len(), 9);
    let mut restore = post::Entity::restore_many().in_batches(u64::MAX);
    assert_eq!(restore.next(&db).await.unwrap().unwrap().archivals.len(), 10);
    assert_eq!(dumps(&db, &ALL).await, before);
    let mut archive = post::Entity::archive_many().in_batches(u64::MAX);
    assert_eq!(archive.next(&db).await.unwrap().unwrap().len(), 10);
}

/// A link of a row, cut by three archivals, whose row is archived in the set, outside of it, or deleted.
#[tokio::test]
async fn attack_link_that_three_archivals_cut() {
    for end in ["active", "archived outside", "archived inside", "deleted"] {
        let (_database, db) = posts().await;
        run(&db, "update photos set event_id = 1 where id = 1; delete from photos where id <> 1").await;
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
            _ => archival::Entity::restore_many().filter(archival::Column::RootTable.eq("public.events")),
        };
        let preview = set.clone().preview(&db).await.unwrap();
        let restored = set.exec(&db).await.unwrap();
        assert_eq!(preview.not_relinked, restored.not_relinked, "{end}");
        if end == "deleted" {
            assert_eq!((restored.relinked, restored.not_relinked.len()), (0, 3), "{end} {restored:?}");
            continue;
        }
        if end == "archived outside" {
            photo::Entity::restore_by_id(1).exec(&db).await.unwrap();
        }
        assert_eq!((restored.relinked, restored.not_relinked.len()), (1, 2), "{end} {restored:?}");
        assert!(restored.not_relinked.iter().all(|l| l.reason == LostLinkReason::OtherLink));
        assert_eq!(texts(&db, "select event_id::text from photos").await, ["3"], "{end}");
        assert_eq!(number(&db, "select count(*) from archive.detached_link").await, 0, "{end}");
    }
}

/// A set where one event is purged or left out keeps the link of the others.
#[tokio::test]
async fn attack_link_of_two_where_the_later_is_outside() {
    let (_database, db) = posts().await;
    run(&db, "update photos set event_id = 1 where id = 1; delete from photos where id <> 1").await;
    for id in [1, 2, 3] {
        run(&db, &format!("update photos set event_id = {id}")).await;
        event::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let restored = event::Entity::restore_many().filter(event::deleted::Column::Id.lt(3)).exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select event_id::text from photos").await, ["2"], "{restored:?}");
    let restored = event::Entity::restore_by_id(3).exec(&db).await.unwrap();
    assert_eq!(restored.not_relinked.len(), 1);
}

/// Links that are cut from shows' posters, where the show comes back with the poster in one set of three tables.
#[tokio::test]
async fn attack_set_of_different_root_tables_with_links() {
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
    assert_eq!(preview.rows.values().sum::<u64>(), restored.rows.values().sum::<u64>());
    assert_eq!(dumps(&db, &THESE).await, before, "{restored:?}");
    assert!(restored.missing.is_empty());
}

/// A row that waits while the archival of its parent is in the set under another link: composite of two parents, one in and one out.
#[tokio::test]
async fn attack_row_with_one_parent_in_the_set_and_one_outside() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    let row = show::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let venue = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let organizer = organizer::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let two = || archival::Entity::restore_many().filter(archival::Column::Id.is_in([row, venue]));
    let error = two().exec(&db).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let skipped = two().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!((skipped.archivals.len(), skipped.skipped.len()), (1, 1), "{skipped:?}");
    archival::Entity::restore_many().filter(archival::Column::Id.is_in([row, organizer])).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// The value of a set under a caller's transaction with deferrable constraints.
#[tokio::test]
async fn attack_deferred_constraints_in_a_transaction() {
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
    let error = comment::Entity::restore_many().exec(&txn).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let error = post::Entity::restore_many().exec(&txn).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let restored = archival::Entity::restore_many().skip_conflicts().exec(&txn).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (10, 1), "{restored:?}");
    txn.commit().await.unwrap();
    run(&db, "delete from posts where id = 101").await;
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// The archive of rows that a set left behind is not changed by a refused restore.
#[tokio::test]
async fn attack_root_deleted_from_the_archive_table() {
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
async fn attack_rows_wait_for_an_archival_that_is_skipped() {
    let (_database, db) = shop().await;
    let before = dumps(&db, &THESE).await;
    venue::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let parent = organizer::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "insert into shows values (2, 3, 2)").await;
    let all = || archival::Entity::restore_many().skip_conflicts();
    let preview = all().preview(&db).await.unwrap();
    let restored = all().exec(&db).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len(), restored.waiting.len()), (1, 1, 1), "{restored:?}");
    assert_eq!(restored.waiting[0].archival, parent);
    assert_eq!((&preview.waiting, &preview.conflicts, &preview.rows["public.venues"]), (&restored.waiting, &restored.skipped, &restored.rows["public.venues"]));
    assert!(restored.missing.is_empty());
    run(&db, "delete from shows where id = 2").await;
    all().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// A row that was deferred to an archival with another row of the same unique value.
#[tokio::test]
async fn attack_two_rows_of_one_archival_with_one_unique_value() {
    let (_database, db) = shop().await;
    run(&db, "alter table shows add column code text constraint shows_code unique; update shows set code = 'x' where id = 1").await;
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&sea_orm_migration::SchemaManager::new(&db), "shows").await.unwrap();
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    run(&db, "update shows set code = 'x' where id = 2").await;
    let last = organizer::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    archival::Entity::restore_by_id(first).exec(&db).await.unwrap();
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let preview = archival::Entity::restore_many().skip_conflicts().preview(&db).await;
    let restored = archival::Entity::restore_many().skip_conflicts().exec(&db).await;
    let restored = restored.unwrap_or_else(|error| panic!("{error} {preview:?}"));
    assert_eq!(restored.archivals.len(), 1);
    assert_eq!(restored.skipped[0].archival, Some(last));
}

/// Many archivals with an index of NULLS NOT DISTINCT.
#[tokio::test]
async fn attack_time_of_many_archivals_with_nulls_not_distinct() {
    let (_database, db) = shop().await;
    let mut times = Vec::new();
    for n in [2000, 4000] {
        run(&db, &format!("insert into items select n, 'code ' || n, false, 'name ' || n from generate_series(1, {n}) n")).await;
        item::Entity::archive_many().exec(&db).await.unwrap();
        let begin = std::time::Instant::now();
        archival::Entity::restore_many().exec(&db).await.unwrap();
        times.push(begin.elapsed().as_millis());
        run(&db, "delete from items").await;
    }
    assert!(times[1] < 3 * times[0], "{times:?}");
}

/// The same without it, for comparison, and with an exclusion constraint.
#[tokio::test]
async fn attack_time_of_many_archivals() {
    let (_database, db) = shop().await;
    let mut times = Vec::new();
    run(&db, "alter table items drop constraint items_code").await;
    for n in [2000, 4000] {
        run(&db, &format!("insert into items select n, 'code ' || n, false, 'name ' || n from generate_series(1, {n}) n; insert into slots select n, int4range(n * 10, n * 10 + 10) from generate_series(1, {n}) n")).await;
        let mut both = Vec::new();
        item::Entity::archive_many().exec(&db).await.unwrap();
        let begin = std::time::Instant::now();
        archival::Entity::restore_many().exec(&db).await.unwrap();
        both.push(begin.elapsed().as_millis());
        slot::Entity::archive_many().exec(&db).await.unwrap();
        let begin = std::time::Instant::now();
        archival::Entity::restore_many().exec(&db).await.unwrap();
        both.push(begin.elapsed().as_millis());
        times.push(both);
        run(&db, "delete from items; delete from slots").await;
    }
    assert!(times[1][0] < 3 * times[0][0] && times[1][1] < 3 * times[0][1], "{times:?}");
}

/// A row that waits and gets its link back in the same call.
#[tokio::test]
async fn attack_link_of_a_row_that_waits() {
    let (_database, db) = shop().await;
    // A poster has a second parent: an organizer.
    run(&db, "alter table posters add column sponsor_id bigint constraint posters_sponsor references venues on delete restrict").await;
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&sea_orm_migration::SchemaManager::new(&db), "posters").await.unwrap();
    run(&db, "update posters set sponsor_id = 3 where id = 1").await;
    let before = dumps(&db, &THESE).await;
    show::Entity::archive_by_id(1).exec(&db).await.unwrap();
    poster::Entity::archive_by_id(1).exec(&db).await.unwrap();
    poster::Entity::archive_by_id(3).exec(&db).await.unwrap();
    venue::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let two = archival::Entity::restore_many().filter(archival::Column::RootTable.eq("public.shows"));
    let restored = two.exec(&db).await.unwrap();
    assert_eq!(restored.relinked, 1, "{restored:?}");
    archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &THESE).await, before);
}

/// Tables that were renamed, and got a column, between archive and restore.
#[tokio::test]
async fn attack_renamed_tables() {
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
    assert_eq!((restored.relinked, restored.missing.len()), (12, 0), "{restored:?}");
    assert_eq!(number(&db, "select count(*) from pictures where at_event is null").await, 0);
}

/// Partitioned and stamped tables.
#[tokio::test]
async fn attack_partitioned_and_stamped_tables() {
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
    let restored = archival::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (219, 1));
    run(&db, "delete from items where id = 150").await;
    item::Entity::restore_many().in_batches(7).next(&db).await.unwrap();
    assert_eq!(dumps(&db, &["items", "slots"]).await, before);
}

/// A chain without a ring: every row refers to the one before it, and all are archived in one call.
#[tokio::test]
async fn attack_batches_with_two_parents_in_one_call() {
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
async fn attack_dropped_step_by_step_restore() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    let archived = dumps(&db, &ARCHIVE).await;
    for micros in (0..60).map(|n| n * 700) {
        let set = archival::Entity::restore_many().skip_conflicts();
        if tokio::time::timeout(std::time::Duration::from_micros(micros), set.exec(&db)).await.is_ok() {
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
async fn attack_huge_filter() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let many = post::Entity::restore_many().filter(post::deleted::Column::Id.is_in(5..70_000)).exec(&db).await;
    let archive = post::Entity::archive_many().filter(post::Column::Id.is_in(5..70_000)).exec(&db).await;
    let many = many.map(|restored| restored.archivals.len()).map_err(|error| format!("{:?} {error}", error.kind()));
    let archive = archive.map(|archived| archived.len()).map_err(|error| format!("{:?} {error}", error.kind()));
    println!("{many:?} {archive:?}");
    if let Err(error) = many {
        assert!(!error.starts_with("Database"), "{error}; archive: {archive:?}");
    }
}

/// A conflict with a row that a trigger of the application inserts, counters, and skip.
#[tokio::test]
async fn attack_counters_with_skip_and_links() {
    let (_database, db) = posts().await;
    run(
        &db,
        "alter table posts add column comments_count bigint not null default 3;
         alter table events add column photos_count bigint not null default 3;
         create function count_comments() returns trigger language plpgsql as $$ begin
             update posts set comments_count = comments_count + case tg_op when 'INSERT' then 1 else -1 end
             where id = case tg_op when 'INSERT' then new.post_id else old.post_id end;
             return null;
         end $$;
         create trigger count_comments after insert or delete on comments for each row execute function count_comments();
         create function count_photos() returns trigger language plpgsql as $$ begin
             if tg_op <> 'INSERT' then update events set photos_count = photos_count - 1 where id = old.event_id; end if;
             if tg_op <> 'DELETE' then update events set photos_count = photos_count + 1 where id = new.event_id; end if;
             return null;
         end $$;
         create constraint trigger count_photos after insert or update or delete on photos deferrable initially deferred for each row execute function count_photos()",
    )
    .await;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    for table in ["posts", "events"] {
        sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&manager, table).await.unwrap();
    }
    let before = dumps(&db, &ALL).await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().filter(post::Column::Id.lt(6)).exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    photo::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(&db, "insert into posts values (101, 'post 3')").await;
    let preview = archival::Entity::restore_many().skip_conflicts().preview(&db).await.unwrap();
    let restored = archival::Entity::restore_many().skip_conflicts().exec(&db).await.unwrap();
    assert_eq!((preview.archivals.len(), &preview.conflicts), (restored.archivals.len(), &restored.skipped));
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (10, 1), "{restored:?}");
    run(&db, "delete from posts where id = 101").await;
    post::Entity::restore_many().in_batches(1).next(&db).await.unwrap();
    // The counter of post 1 has a test of its own.
    run(&db, "update posts set comments_count = 3").await;
    assert_eq!(dumps(&db, &ALL).await, before);
}

const COUNTER: &str = "alter table posts add column comments_count bigint not null default 3;
    create function count_comments() returns trigger language plpgsql as $$ begin
        update posts set comments_count = comments_count + case tg_op when 'INSERT' then 1 else -1 end
        where id = case tg_op when 'INSERT' then new.post_id else old.post_id end;
        return null;
    end $$;
    create trigger count_comments after insert or delete on comments for each row execute function count_comments()";

/// A counter of a post whose comment was archived before it: one after the other, and as a set.
#[tokio::test]
async fn attack_counter_of_a_parent_in_the_set() {
    let mut counters = Vec::new();
    for set in [false, true] {
        let (_database, db) = posts().await;
        run(&db, COUNTER).await;
        sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&sea_orm_migration::SchemaManager::new(&db), "posts").await.unwrap();
        comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
        post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        if set {
            archival::Entity::restore_many().exec(&db).await.unwrap();
        } else {
            post::Entity::restore_by_id(1).exec(&db).await.unwrap();
            comment::Entity::restore_by_id(11).exec(&db).await.unwrap();
        }
        counters.push(number(&db, "select comments_count from posts where id = 1").await);
        assert_eq!(number(&db, "select count(*) from comments where post_id = 1").await, 3);
    }
    assert_eq!(counters, [3, 3], "one after the other, and as a set");
}

/// A counter of a parent that rows waited for.
#[tokio::test]
async fn attack_counter_of_a_parent_that_rows_waited_for() {
    let (_database, db) = shop().await;
    run(
        &db,
        "alter table organizers add column shows_count bigint not null default 0;
         update organizers as o set shows_count = (select count(*) from shows s where s.organizer_id = o.id);
         create function count_shows() returns trigger language plpgsql as $$ begin
             update organizers set shows_count = shows_count + case tg_op when 'INSERT' then 1 else -1 end
             where id = case tg_op when 'INSERT' then new.organizer_id else old.organizer_id end;
             return null;
         end $$;
         create trigger count_shows after insert or delete on shows for each row execute function count_shows()",
    )
    .await;
    sea_orm_archive_migration::ArchiveSchema::sync_archived_table(&sea_orm_migration::SchemaManager::new(&db), "organizers").await.unwrap();
    let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    let second = organizer::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
    archival::Entity::restore_by_id(first).exec(&db).await.unwrap();
    archival::Entity::restore_by_id(second).exec(&db).await.unwrap();
    assert_eq!(texts(&db, "select shows_count || ' of ' || (select count(*) from shows where organizer_id = 1) from organizers where id = 1").await, ["2 of 2"]);
}

/// A restore defers a row to an archival of a set that waits for it.
#[tokio::test]
async fn attack_row_is_deferred_to_a_set_that_waits() {
    for resolve in [false, true] {
        let (database, db) = shop().await;
        let before = dumps(&db, &THESE).await;
        let first = venue::Entity::archive_by_id(1).exec(&db).await.unwrap().id;
        organizer::Entity::archive_many().exec(&db).await.unwrap();
        let holder = database.session("holder").await;
        let txn = sea_orm::TransactionTrait::begin(&holder.db()).await.unwrap();
        let waiting = archival::Entity::restore_by_id(first).exec(&txn).await.unwrap();
        assert_eq!(waiting.waiting.len(), 1);
        let many = database.session("many").await;
        let db_of_many = many.db();
        let restore = many.start(async move {
            match resolve {
                true => archival::Entity::restore_many().filter(archival::Column::RootTable.eq("public.organizers")).exec(&db_of_many).await,
                false => organizer::Entity::restore_many().exec(&db_of_many).await,
            }
        });
        database.wait_until_blocked(&many).await;
        txn.commit().await.unwrap();
        let restored = restore.finish().await.unwrap();
        assert_eq!((restored.relinked, restored.rows["public.shows"]), (3, 3), "{restored:?}");
        assert_eq!(dumps(&db, &THESE).await, before);
    }
}
