//! Writers, archivers and restorers at once, beside a reader that follows: replaying the events gives the state of the tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use blog::post;
use sea_orm::{DatabaseConnection, EntityTrait, TransactionTrait};
use sea_orm_archive::archival;
use sea_orm_archive::event::{self, Kind, Listener};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{run, texts};

use super::{all, database};

const WRITERS: i64 = 8;
const ROUNDS: i64 = 12;

/// Archives and restores the posts of a writer, and those that all of them share. Some transactions are rolled back, and some stay open
/// while others commit.
async fn write(db: DatabaseConnection, writer: i64) {
    for round in 0..ROUNDS {
        let ids = [100 + writer * 100 + round % 5, 50 + (writer + round) % 5];
        let txn = db.begin().await.unwrap();
        for id in ids {
            // The shared one may be archived by another writer.
            let _ = match (writer + round) % 3 {
                0 => post::Entity::restore_by_id(id).exec(&txn).await.map(drop),
                1 if round == 7 => post::Entity::purge_many()
                    .filter(post_key(id))
                    .exec(&txn)
                    .await
                    .map(drop),
                _ => post::Entity::archive_by_id(id).exec(&txn).await.map(drop),
            };
            tokio::task::yield_now().await;
        }
        let _ = match round % 5 {
            4 => txn.rollback().await,
            // A deadlock of two writers is no matter of this test.
            _ => txn.commit().await,
        };
    }
}

fn post_key(id: i64) -> sea_orm::sea_query::SimpleExpr {
    use sea_orm::ColumnTrait;
    post::deleted::Column::Id.eq(id)
}

/// Follows the events until `done`, and all of them were read.
async fn follow(db: DatabaseConnection, done: Arc<AtomicBool>) -> Vec<event::Model> {
    let mut listener = Listener::connect(&db).await.unwrap();
    let search = event::Entity::consumer("search");
    let mut read = Vec::new();
    loop {
        let is_done = done.load(Ordering::SeqCst);
        let txn = db.begin().await.unwrap();
        let events = search.next(7, &txn).await.unwrap();
        if let Some(last) = events.last() {
            search.acknowledge(last.cursor(), &txn).await.unwrap();
        }
        txn.commit().await.unwrap();
        match (events.is_empty(), is_done) {
            (true, true) => return read,
            (true, false) => {
                listener.wait(std::time::Duration::from_millis(20)).await;
            }
            (false, _) => read.extend(events),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaying_what_a_reader_followed_gives_the_state_of_the_tables() {
    let (database, db) = database().await;
    run(
        &db,
        "insert into posts (id, title, slug, content, author_id)
         select n, '', 'post ' || n, '', 1 from (select generate_series(50, 54) union all select 100 + w * 100 + p from generate_series(0, 7) w, generate_series(0, 4) p) n(n)",
    )
    .await;
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(follow(database.connect().await, done.clone()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|w| tokio::spawn(write(db.clone(), w)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let read = reader.await.unwrap();
    assert!(read.len() > 50, "{}", read.len());
    assert_eq!(read, all(&db).await, "each event once, in the same order");

    // The post of each archival that the events leave archived.
    let mut archived = BTreeMap::new();
    for event in &read {
        let (id, key) = (event.archival_id.unwrap(), event.root_key.clone().unwrap());
        match event.kind {
            Kind::Archived => {
                // A key is archived once at a time.
                assert!(!archived.values().any(|k| *k == key), "{event:?}");
                assert_eq!(archived.insert(id, key), None);
            }
            Kind::Restored | Kind::Purged => {
                assert_eq!(archived.remove(&id), Some(key), "{event:?}")
            }
            kind => panic!("{kind:?}"),
        }
    }
    let records = archival::Entity::find().all(&db).await.unwrap();
    let open = records
        .into_iter()
        .filter(|a| a.restored_at.is_none() && a.purged_at.is_none());
    let open: BTreeMap<_, _> = open.map(|a| (a.id, a.root_key)).collect();
    assert_eq!(archived, open);
    let mut ids: Vec<_> = archived.values().map(|key| key["id"].to_string()).collect();
    ids.sort();
    assert_eq!(
        ids,
        texts(
            &db,
            "select id::text from deleted_posts order by id::text collate \"C\""
        )
        .await
    );
}
