//! Restores of many archivals in one statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::ColumnTrait;
use sea_orm_archive::archival;
use sea_orm_archive::error::{ConflictError, DriftError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::SuspendedTrigger;
use sea_orm_archive_migration::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run};
use sea_orm_migration::SchemaManager;

use super::entities::{ALL, ARCHIVE, comment, event, photo, post, posts};

#[tokio::test]
async fn every_archival_that_the_filter_finds_is_restored() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_many().by(7).exec(&db).await.unwrap();
    let some = post::Entity::restore_many()
        .filter(post::deleted::Column::Id.lte(4))
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    let ids: Vec<_> = some.archivals.iter().map(|a| &a.root_key["id"]).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert!(
        some.archivals
            .iter()
            .all(|a| a.restored_at.is_some() && a.restored_by.as_deref() == Some("8"))
    );
    assert_eq!(
        (some.rows["public.posts"], some.rows["public.comments"]),
        (4, 12)
    );
    assert!(some.missing.is_empty(), "{:?}", some.missing);
    assert_eq!(
        number(&db, "select count(*) from posts where id > 4").await,
        0
    );
    let rest = post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(rest.archivals.len(), 6);
    assert_eq!(dumps(&db, &ALL).await, before);
    let none = post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(none, Default::default());
}

/// A row that was archived alone before its parent: both archivals come back in one statement.
#[tokio::test]
async fn archival_whose_parent_is_in_another_one_is_restored_with_it() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let alone = comment::Entity::restore_many().exec(&db).await.unwrap_err();
    assert!(
        matches!(&alone, Error::Conflict(ConflictError::RestoreMany { archivals })
            if matches!(archivals.as_slice(), [found] if found.archival == Some(1)
                && matches!(found.conflicts.as_slice(), [Conflict::MissingParent { archival: Some(2), .. }]))),
        "{alone}"
    );
    let restored = archival::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored.archivals.len(), 3);
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// Rows that were archived with a parent are no roots.
#[tokio::test]
async fn rows_of_a_tree_are_not_restored_without_their_root() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let restored = comment::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored, Default::default());
}

#[tokio::test]
async fn archivals_of_different_tables_are_restored_by_a_filter_on_their_records() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    event::Entity::archive_by_id(1)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    photo::Entity::archive_by_id(4)
        .by(7)
        .exec(&db)
        .await
        .unwrap();
    post::Entity::archive_by_id(2)
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    let mine = || archival::Entity::restore_many().filter(archival::Column::ArchivedBy.eq("7"));
    let preview = mine().preview(&db).await.unwrap();
    assert_eq!(preview.archivals, [1, 2, 3]);
    assert!(preview.conflicts.is_empty());
    assert_eq!(preview.rows["public.comments"], 3);
    let restored = mine().by("root").exec(&db).await.unwrap();
    assert_eq!(restored.archivals.len(), 3);
    // The photo that was archived alone has its link again, too.
    assert_eq!((restored.relinked, restored.not_relinked.len()), (3, 0));
    post::Entity::restore_by_id(2).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// Without conflicts nothing is checked before the move.
#[tokio::test]
async fn restore_of_many_sends_one_statement() {
    let (_database, mut db) = posts().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    db.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    // Other tests of this binary replace the cached plan, so the minimum of many rounds counts.
    let mut fewest = usize::MAX;
    for _ in 0..200 {
        post::Entity::archive_many().exec(&db).await.unwrap();
        sent.store(0, Ordering::Relaxed);
        let restored = post::Entity::restore_many().exec(&db).await.unwrap();
        fewest = fewest.min(sent.swap(0, Ordering::Relaxed));
        assert_eq!(restored.archivals.len(), 10);
        if fewest == 1 {
            break;
        }
    }
    assert_eq!(fewest, 1);
}

#[tokio::test]
async fn missing_root_of_one_archival_is_reported_with_its_id() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let root = number(&db, "select archival_id from deleted_posts where id = 3").await;
    run(
        &db,
        "delete from deleted_comments where post_id = 3; delete from deleted_posts where id = 3",
    )
    .await;
    let before = dumps(&db, &ARCHIVE).await;
    let error = archival::Entity::restore_many()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::IncompleteArchival { message })
            if message.contains(&format!("public.deleted_posts no longer holds the root of archival {root}, so nothing was restored"))),
        "{error}"
    );
    assert_eq!(dumps(&db, &ARCHIVE).await, before);
}

/// An archival whose record names no table has no rows to restore, and is not marked as restored with the others.
#[tokio::test]
async fn archival_without_tables_prevents_the_restore_of_many() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "insert into archive.archival (root_table, root_key, archived_at, row_counts, tables) values ('public.posts', '{}', now(), '{}', '{}')",
    )
    .await;
    let before = dumps(&db, &ARCHIVE).await;
    let error = archival::Entity::restore_many()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::Schema { problems, .. }) if problems[0].contains("names no table")),
        "{error}"
    );
    assert_eq!(dumps(&db, &ARCHIVE).await, before);
    // It is no root of posts.
    let restored = post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored.archivals.len(), 10);
}

/// A counter that triggers keep: the trial of the archive, the restore of many, and its corrections.
#[tokio::test]
async fn triggers_of_the_application_are_verified_for_many() {
    let (_database, db) = posts().await;
    run(
        &db,
        "alter table posts add column comments_count bigint not null default 3;
         create function count_comments() returns trigger language plpgsql as $$ begin
             update posts set comments_count = comments_count + case tg_op when 'INSERT' then 1 else -1 end
             where id = case tg_op when 'INSERT' then new.post_id else old.post_id end;
             return null;
         end $$;
         create trigger count_comments after insert or delete on comments for each row execute function count_comments()",
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.sync_archived_table("posts").await.unwrap();
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let restored = post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(restored.archivals.len(), 10);
    assert_eq!(dumps(&db, &ALL).await, before);
    let rehearsal = post::Entity::archive_many().rehearse(&db).await.unwrap();
    assert_eq!(rehearsal.archivals, 10);
    assert!(rehearsal.is_exact(), "{rehearsal:?}");

    run(
        &db,
        "create function welcome() returns trigger language plpgsql as $$ begin
             insert into comments values (1000 + new.id, new.id); return null;
         end $$",
    )
    .await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "create trigger welcome after insert on posts for each row execute function welcome()",
    )
    .await;
    let archived = dumps(&db, &ARCHIVE).await;
    let error = post::Entity::restore_many().exec(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::Trigger { message }) if message.contains("welcome")),
        "{error}"
    );
    assert_eq!(dumps(&db, &ARCHIVE).await, archived);
    manager
        .suspend_trigger(SuspendedTrigger::new("posts", "welcome"))
        .await
        .unwrap();
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// Race: a restore of many waits for one archival that another restore holds, and then restores the others.
#[tokio::test]
async fn restore_of_many_waits_for_another_restore_and_leaves_its_rows() {
    let (database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let holder = database.session("one").await;
    run(&holder.db(), "begin").await;
    let one = number(&db, "select archival_id from deleted_posts where id = 5").await;
    run(
        &holder.db(),
        &format!("select archive.claim_archivals(array[{one}::bigint])"),
    )
    .await;
    let many = database.session("many").await;
    let db_of_many = many.db();
    let restore = many.start(async move { post::Entity::restore_many().exec(&db_of_many).await });
    tokio::time::timeout(Duration::from_secs(30), database.wait_until_blocked(&many))
        .await
        .unwrap();
    // The other restore, in the transaction that holds the lock.
    run(
        &holder.db(),
        &format!(
            "with gone as (delete from deleted_posts where archival_id = {one} returning id, slug) insert into posts select * from gone;
             with gone as (delete from deleted_comments where archival_id = {one} returning id, post_id) insert into comments select * from gone;
             select archive.finish_restores(array[{one}::bigint], 'holder');
             commit"
        ),
    )
    .await;
    let restored = restore.finish().await.unwrap();
    assert_eq!(restored.archivals.len(), 9);
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// Race: restores of many with the same archivals, in two directions, beside archives. Each archival is restored once, and no
/// row is lost.
#[tokio::test]
async fn restores_of_many_beside_each_other_lose_no_row() {
    let (database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    for _ in 0..5 {
        let archived = post::Entity::archive_many().exec(&db).await.unwrap().len();
        let mut restores = Vec::new();
        for n in 0..4 {
            let db = database.connect().await;
            restores.push(tokio::spawn(async move {
                let all = post::Entity::restore_many();
                let outcome = match n % 2 {
                    0 => all.exec(&db).await.map(|restored| restored.archivals.len()),
                    _ => {
                        let mut batches = all.in_batches(3);
                        let mut restored = 0;
                        while let Some(batch) = batches.next(&db).await.unwrap() {
                            restored += batch.archivals.len();
                        }
                        Ok(restored)
                    }
                };
                outcome.unwrap()
            }));
        }
        let mut restored = 0;
        for restore in restores {
            restored += restore.await.unwrap();
        }
        assert_eq!(restored, archived);
        assert_eq!(dumps(&db, &ALL).await, before);
    }
}
