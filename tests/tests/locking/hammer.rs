//! Many writers at once, each of which reads a number and writes the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, DatabaseConnection};
use sea_orm_archive::prelude::*;

use crate::locking::notes::{note, notes, open, read, run};

const WRITERS: usize = 8;
const EACH: usize = 25;

/// How the number is written. `write` returns `false` if the writer has to read again.
#[derive(Clone, Copy)]
enum Way {
    Locked,
    Unlocked,
}

impl Way {
    async fn write(self, note: note::ActiveModel, db: &DatabaseConnection) -> bool {
        match self {
            Self::Locked => match note.update_if_unchanged(db).await {
                Ok(_) => true,
                Err(UpdateError::Conflict { .. }) => false,
                Err(error) => panic!("{error}"),
            },
            Self::Unlocked => note.update(db).await.is_ok(),
        }
    }
}

/// The number at the end, and the lock version.
async fn count(way: Way) -> (usize, i32) {
    let notes = notes().await;
    let db = notes.connect().await;
    run(&db, "update notes set text = '0', version = 0 where id = 1").await;
    let writers = (0..WRITERS).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                loop {
                    let mut note = open(&db).await;
                    let next = note.text.take().unwrap().parse::<usize>().unwrap() + 1;
                    note.text = Set(next.to_string());
                    if way.write(note, &db).await {
                        break;
                    }
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let note = read(&db).await;
    (note.text.parse().unwrap(), note.version)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn optimistic_lock_loses_no_increment() {
    let all = WRITERS * EACH;
    assert_eq!(count(Way::Locked).await, (all, i32::try_from(all).unwrap()));
}

/// The same load loses increments without the optimistic lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_are_lost_without_the_optimistic_lock() {
    let mut least = usize::MAX;
    for _ in 0..10 {
        least = count(Way::Unlocked).await.0;
        if least < WRITERS * EACH {
            break;
        }
    }
    assert!(
        least < WRITERS * EACH,
        "the load did not lose an increment without the lock"
    );
}

/// A note that is archived and restored again and again: no acknowledged increment is lost, and no writer gets the error
/// that the note was deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost_on_a_row_that_moves_repeatedly() {
    let notes = notes().await;
    let db = notes.connect().await;
    run(&db, "update notes set version = 0 where id = 1").await;
    let written = Arc::new(AtomicI32::new(0));
    let until = Instant::now() + Duration::from_secs(3);
    let writers = (0..4).map(|_| {
        let (db, written) = (db.clone(), Arc::clone(&written));
        tokio::spawn(async move {
            let mut version = 0;
            while Instant::now() < until {
                let note = note::ActiveModel {
                    id: Set(1),
                    color: Set(Some(format!("{version}"))),
                    version: Set(version),
                    ..Default::default()
                };
                match note.update_if_unchanged(&db).await {
                    Ok(saved) => {
                        written.fetch_add(1, Ordering::Relaxed);
                        version = saved.version;
                    }
                    Err(UpdateError::Conflict { current, .. }) => version = current.version,
                    Err(UpdateError::NotFound {
                        archival: Some(_), ..
                    }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    let writers = writers.collect::<Vec<_>>();
    let mut moves = 0;
    while Instant::now() < until {
        let archival = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
        archival.restore(&db).await.unwrap();
        moves += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let written = written.load(Ordering::Relaxed);
    assert_eq!(read(&db).await.version, written);
    assert!(written > 0 && moves > 0, "{written} written, {moves} moved");
}
