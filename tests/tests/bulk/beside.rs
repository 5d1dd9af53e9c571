//! Sets of archivals beside other transactions, for other roles, and in the audit log.

use std::time::Duration;

use sea_orm::{ColumnTrait, ConnectionTrait, IsolationLevel, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_archive_tests::sql::{dumps, number, run, texts};
use sea_orm_archive_tests::{assert_log_agrees, race};
use sea_orm_migration::SchemaManager;

use super::entities::{ALL, ARCHIVE, comment, event, photo, post, posts};

/// `None` means that no row was left when it was returned.
#[tokio::test]
async fn no_worker_ends_while_rows_are_left() {
    let mut all = Vec::new();
    for (workers, size) in [(2, 1), (2, 10), (4, 10), (4, 50), (12, 1)] {
        all.push((workers, size, left_at_the_end(workers, size).await));
    }
    assert!(
        all.iter().all(|(_, _, early)| early
            .iter()
            .all(|(_, left)| left.iter().all(|rows| *rows == 0))),
        "{all:?}"
    );
}

/// Race: what a batch waits for is gone, and there is more, which its snapshot does not show.
#[tokio::test]
async fn batch_that_finds_nothing_in_its_snapshot_looks_again() {
    let (database, _db) = posts().await;
    let (_, _, archived) = race! { database;
        first holds |txn| post::Entity::archive_many().exec(txn);
        first goes on |txn| txn.execute_unprepared("insert into posts values (99, 'late')");
        second waits for first |db| post::Entity::archive_many().in_batches(10).next(db);
        first commits;
    };
    assert_eq!(archived.unwrap().unwrap().len(), 1);

    let (_, _, restored) = race! { database;
        first holds |txn| post::Entity::restore_many().exec(txn);
        first goes on |txn| post::Entity::archive_by_id(99).exec(txn);
        second waits for first |db| post::Entity::restore_many().in_batches(10).next(db);
        first commits;
    };
    assert_eq!(restored.unwrap().unwrap().archivals.len(), 1);

    let (database, db) = posts().await;
    post::Entity::archive_by_id(5).exec(&db).await.unwrap();
    let (_, _, purged) = race! { database;
        first holds |txn| post::Entity::purge_many().exec(txn);
        first goes on |txn| post::Entity::archive_by_id(6).exec(txn);
        second waits for first |db| post::Entity::purge_many().in_batches(10).next(db);
        first commits;
    };
    assert_eq!(purged.unwrap().unwrap().archivals, 1);
}

async fn left_at_the_end(workers: usize, size: u64) -> Vec<(bool, Vec<i64>)> {
    let (database, db) = posts().await;
    // Each worker looks for a batch several times, and all of them at the end.
    let posts = (20 * workers as u64 * size).min(600);
    run(&db, &format!("delete from comments; insert into posts select n, 'post ' || n from generate_series(11, {posts}) n")).await;
    let mut early = Vec::new();
    let mut pools = Vec::new();
    for _ in 0..workers {
        pools.push(database.connect().await);
    }
    for archive in [true, false] {
        let mut workers = Vec::new();
        for db in pools.clone() {
            workers.push(tokio::spawn(async move {
                if archive {
                    let mut batches = post::Entity::archive_many().in_batches(size);
                    while batches.next(&db).await.unwrap().is_some() {}
                    number(&db, "select count(*) from posts").await
                } else {
                    let mut batches = post::Entity::restore_many().in_batches(size);
                    while batches.next(&db).await.unwrap().is_some() {}
                    number(&db, "select count(*) from deleted_posts").await
                }
            }));
        }
        let mut left = Vec::new();
        for worker in workers {
            left.push(worker.await.unwrap());
        }
        early.push((archive, left));
    }
    early
}

/// Restores of one set in transactions of every isolation level, beside another that commits.
#[tokio::test]
async fn isolation_levels() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let (_database, db) = posts().await;
        let before = dumps(&db, &ALL).await;
        post::Entity::archive_many().exec(&db).await.unwrap();
        for resolve in [false, true] {
            let txn = db.begin_with_config(Some(level), None).await.unwrap();
            number(&txn, "select count(*) from archive.archival").await;
            post::Entity::restore_by_id(if resolve { 5 } else { 6 })
                .exec(&db)
                .await
                .unwrap();
            let outcome = match resolve {
                true => archival::Entity::restore_many().exec(&txn).await,
                false => post::Entity::restore_many().exec(&txn).await,
            };
            let error = outcome.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Retry,
                "{level:?} {resolve}: {error}"
            );
            txn.rollback().await.unwrap();
        }
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        let mut batches = post::Entity::restore_many().in_batches(3);
        while batches.next(&txn).await.unwrap().is_some() {}
        txn.commit().await.unwrap();
        assert_eq!(dumps(&db, &ALL).await, before);
    }
}

/// A call in a transaction of the caller that an error has aborted, and a second call in it.
#[tokio::test]
async fn aborted_transaction() {
    for n in 0..4 {
        let (_database, db) = posts().await;
        post::Entity::archive_many().exec(&db).await.unwrap();
        let before = dumps(&db, &ARCHIVE).await;
        let txn = db.begin().await.unwrap();
        assert!(txn.execute_unprepared("select 1/0").await.is_err());
        let first = match n {
            0 => post::Entity::restore_many().exec(&txn).await.map(|_| ()),
            1 => post::Entity::restore_by_id(1).exec(&txn).await.map(|_| ()),
            2 => archival::Entity::restore_many()
                .exec(&txn)
                .await
                .map(|_| ()),
            _ => post::Entity::restore_many()
                .in_batches(3)
                .next(&txn)
                .await
                .map(|_| ()),
        };
        let first = first.unwrap_err();
        let second = post::Entity::restore_by_id(2)
            .exec(&txn)
            .await
            .map(|restored| restored.archival.id);
        let plain = txn
            .execute_unprepared("insert into posts values (500, 'outside')")
            .await
            .map(|_| ());
        let _ = txn.rollback().await;
        assert_eq!(
            dumps(&db, &ARCHIVE).await,
            before,
            "{n}: first {first}; second {second:?}; plain {plain:?}"
        );
        assert_eq!(number(&db, "select count(*) from posts").await, 0, "{n}");
    }
}

/// The future of a batch is dropped while it waits, and later.
#[tokio::test]
async fn dropped_batches() {
    let (database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let holder = database.session("holder").await;
    run(
        &holder.db(),
        "begin; select from archive.archival where id = 9 for update",
    )
    .await;
    let mut batches = post::Entity::restore_many().in_batches(4);
    let dropped = tokio::time::timeout(Duration::from_millis(300), batches.next(&db)).await;
    assert!(dropped.is_err());
    run(&holder.db(), "commit").await;
    for millis in [1, 2, 3, 5, 8] {
        let _ = tokio::time::timeout(Duration::from_millis(millis), batches.next(&db)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut rest = post::Entity::restore_many().in_batches(4);
    while rest.next(&db).await.unwrap().is_some() {}
    assert_eq!(dumps(&db, &ALL).await, before);
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.archival where restored_at is null"
        )
        .await,
        0
    );
}

/// Policies of the application that hide archived rows.
#[tokio::test]
async fn hidden_archived_rows() {
    let (database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    let web = database.role("web").await;
    SchemaManager::new(&db).grant_archive(&web).await.unwrap();
    run(&db, &format!("grant select, insert, update, delete on posts, comments, deleted_posts, deleted_comments to {web};
        alter table deleted_comments enable row level security;
        create policy part on deleted_comments to {web} using (id <> 21) with check (true)")).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let archived = dumps(&db, &ARCHIVE).await;
    let as_web = database.connect_as("web").await;
    for skip in [false, true] {
        let set = post::Entity::restore_many();
        let set = if skip { set.skip_conflicts() } else { set };
        let error = set.exec(&as_web).await.unwrap_err();
        assert!(error.to_string().contains("row-level security"), "{error}");
        assert_eq!(dumps(&db, &ARCHIVE).await, archived);
    }
    let error = archival::Entity::restore_many()
        .exec(&as_web)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
    post::Entity::restore_many()
        .filter(post::deleted::Column::Id.ne(2))
        .exec(&as_web)
        .await
        .unwrap();
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// The audit log agrees with the tables after sets with links, deferral, skips, batches and savepoints.
#[tokio::test]
async fn audited_sets() {
    let (_database, db) = sea_orm_archive_tests::tables::tables(
        "create table posts (id bigint primary key, slug text not null constraint posts_slug unique);
         create table comments (id bigint primary key, post_id bigint not null constraint comments_post references posts on delete cascade);
         create table events (id bigint primary key);
         create table photos (id bigint primary key, event_id bigint constraint photos_event references events on delete set null)",
        &ALL,
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.install_audit().await.unwrap();
    for table in ALL {
        manager.audit_table(table).await.unwrap();
    }
    run(&db, "insert into posts select n, 'post ' || n from generate_series(1, 10) n;
        insert into comments select 10 * n + k, n from generate_series(1, 10) n, generate_series(1, 3) k;
        insert into events select generate_series(1, 4);
        insert into photos select n, 1 + n % 4 from generate_series(1, 12) n").await;
    let before = dumps(&db, &ALL).await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
    assert_log_agrees(&db, &ALL).await;
    run(&db, "insert into posts values (101, 'post 3')").await;
    let restored = archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.skipped.len(), 1, "{restored:?}");
    assert_log_agrees(&db, &ALL).await;
    run(&db, "delete from posts where id = 101").await;
    post::Entity::restore_many().exec(&db).await.unwrap();
    let txn = db.begin().await.unwrap();
    post::Entity::archive_many()
        .in_batches(4)
        .next(&txn)
        .await
        .unwrap();
    let mut batches = post::Entity::restore_many().in_batches(2);
    while batches.next(&txn).await.unwrap().is_some() {}
    txn.commit().await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
    assert_log_agrees(&db, &ALL).await;
}

/// A purge, an archive and restores beside restores of many, at random.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_beside_each_other() {
    for level in ["read committed", "repeatable read", "serializable"] {
        everything_at(level).await;
    }
}

async fn everything_at(level: &str) {
    let (database, db) = posts().await;
    run(
        &db,
        &format!(
            "alter database \"{}\" set default_transaction_isolation to '{level}'",
            database.name()
        ),
    )
    .await;
    let everything = "select (select count(*) from posts) + (select count(*) from deleted_posts) || ' ' || ((select count(*) from comments) + (select count(*) from deleted_comments))
        || ' ' || ((select count(*) from photos) + (select count(*) from deleted_photos)) || ' ' || ((select count(*) from events) + (select count(*) from deleted_events))";
    let before = texts(&db, everything).await;
    let rows = dumps(&db, &ALL).await;
    let mut workers = Vec::new();
    for n in 0..8u64 {
        let db = database.connect().await;
        workers.push(tokio::spawn(async move {
            let mut unexpected = Vec::new();
            for round in 0..15u64 {
                let outcome = match (n + round) % 8 {
                    0 => post::Entity::archive_many()
                        .filter(post::Column::Id.gt(round % 9))
                        .exec(&db)
                        .await
                        .map(|_| ()),
                    1 => archival::Entity::restore_many()
                        .skip_conflicts()
                        .exec(&db)
                        .await
                        .map(|_| ()),
                    2 => event::Entity::archive_many().exec(&db).await.map(|_| ()),
                    3 => event::Entity::restore_many().exec(&db).await.map(|_| ()),
                    4 => comment::Entity::archive_many()
                        .filter(comment::Column::Id.gt(20 + round))
                        .in_batches(3)
                        .next(&db)
                        .await
                        .map(|_| ()),
                    5 => photo::Entity::archive_many()
                        .filter(photo::Column::Id.gt(round % 7))
                        .exec(&db)
                        .await
                        .map(|_| ()),
                    6 => {
                        let mut batches =
                            post::Entity::restore_many().skip_conflicts().in_batches(3);
                        loop {
                            match batches.next(&db).await {
                                Ok(Some(_)) => {}
                                Ok(None) => break Ok(()),
                                Err(error) => break Err(error),
                            }
                        }
                    }
                    _ => comment::Entity::restore_many()
                        .skip_conflicts()
                        .exec(&db)
                        .await
                        .map(|_| ()),
                };
                if let Err(error) = outcome
                    && !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound)
                {
                    unexpected.push(format!("{} {:?}: {error}", (n + round) % 8, error.kind()));
                }
            }
            unexpected
        }));
    }
    let mut unexpected = Vec::new();
    for worker in workers {
        unexpected.extend(worker.await.unwrap());
    }
    assert_eq!(texts(&db, everything).await, before);
    archival::Entity::restore_many().exec(&db).await.unwrap();
    let now = dumps(&db, &ALL).await;
    assert_eq!(now[..3], rows[..3]);
    assert_eq!(now[3].len(), rows[3].len());
    let lost = number(&db, "select count(*) from photos where event_id is null").await;
    println!("photos without their event: {lost}");
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.archival where restored_at is null"
        )
        .await,
        0
    );
    let retries = unexpected
        .iter()
        .filter(|error| error.contains(" Retry: "))
        .count();
    println!("{level}: {retries} retries of {}", unexpected.len());
    assert!(unexpected.len() == retries, "{level} {unexpected:#?}");
}

/// Archivals that are newer than the first batch.
#[tokio::test]
async fn archivals_that_arrive_between_batches() {
    let (_database, db) = posts().await;
    post::Entity::archive_many()
        .filter(post::Column::Id.gt(5))
        .exec(&db)
        .await
        .unwrap();
    let mut batches = post::Entity::restore_many()
        .filter(post::deleted::Column::Id.gt(0))
        .in_batches(2);
    batches.next(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 0);
}

/// A purge of one archival of the set, held open while the restore waits.
#[tokio::test]
async fn purge_beside_a_set() {
    let (database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    for resolve in [false, true] {
        let one = number(&db, "select max(archival_id) from deleted_posts").await;
        let left = number(&db, "select count(*) from deleted_posts").await - 1;
        let purger = database.session("purger").await;
        let txn = purger.db().begin().await.unwrap();
        archival::Entity::purge_by_id(one).exec(&txn).await.unwrap();
        let many = database.session("many").await;
        let db_of_many = many.db();
        let restore = many.start(async move {
            match resolve {
                true => archival::Entity::restore_many().exec(&db_of_many).await,
                false => post::Entity::restore_many().exec(&db_of_many).await,
            }
        });
        database.wait_until_blocked(&many).await;
        txn.commit().await.unwrap();
        let restored = restore.finish().await.unwrap();
        assert_eq!(restored.archivals.len() as i64, left);
        assert_eq!(
            number(&db, "select count(*) from deleted_comments").await,
            0
        );
        post::Entity::archive_many().exec(&db).await.unwrap();
    }
}

/// A transaction for each batch, as a job with a context has it. One of them is rolled back.
#[tokio::test]
async fn transaction_of_a_batch_is_rolled_back() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    let mut batches = post::Entity::restore_many().in_batches(4);
    let txn = db.begin().await.unwrap();
    batches.next(&txn).await.unwrap();
    txn.rollback().await.unwrap();
    loop {
        let txn = db.begin().await.unwrap();
        let batch = batches.next(&txn).await.unwrap();
        txn.commit().await.unwrap();
        if batch.is_none() {
            break;
        }
    }
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 0);
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// The same for an archive.
#[tokio::test]
async fn transaction_of_an_archive_batch_is_rolled_back() {
    let (_database, db) = posts().await;
    let mut batches = post::Entity::archive_many().in_batches(4);
    let txn = db.begin().await.unwrap();
    batches.next(&txn).await.unwrap();
    txn.rollback().await.unwrap();
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(number(&db, "select count(*) from posts").await, 0);
}
