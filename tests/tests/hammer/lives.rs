//! Deletions that are caught, holds and erasures beside writers, archives, restores and purges. At the end every row is active, archived
//! in an open archival, or deleted by a purge; nothing has left while it was held; nothing is left of who was erased.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use blog::{comment, post, user};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::erasure::PersonEntity;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::event::{self, Cursor, Kind};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{archival, hold};
use sea_orm_archive_tests::sql::{number, places, texts};
use sea_orm_archive_tests::{Database, assert_log_agrees};
use tokio::sync::Mutex;

use crate::hammer::TABLES;
use crate::hammer::load::{self, acknowledged};

#[path = "../life/fixture.rs"]
mod fixture;

/// The persons 1 to 3 are erased and held; person 4 is held only.
const PERSONS: i64 = 4;
/// How often each of these must have succeeded, at least.
const ENOUGH: i64 = 5;

#[derive(Default)]
struct Counts {
    caught: AtomicI64,
    purged: AtomicI64,
    held: AtomicI64,
    erased: AtomicI64,
}

struct Load {
    /// The ids of the acknowledged rows, by table.
    posts: Mutex<Vec<i64>>,
    comments: Mutex<Vec<i64>>,
    /// What left while it was held.
    escaped: Mutex<Vec<String>>,
    counts: Counts,
    next: AtomicI64,
    began: Instant,
}

impl Load {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            posts: Mutex::default(),
            comments: Mutex::default(),
            escaped: Mutex::default(),
            counts: Counts::default(),
            next: AtomicI64::new(1000),
            began: Instant::now(),
        })
    }

    /// Three writers, two archivers, two that delete, two restorers, a purger, a lawyer and an eraser, for three seconds, or for longer where
    /// they have done too little on a slow machine.
    async fn run(self: &Arc<Self>, db: &DatabaseConnection) {
        let mut workers = Vec::new();
        for worker in 0..12 {
            let (load, db) = (Arc::clone(self), db.clone());
            workers.push(tokio::spawn(async move {
                let mut random = worker * 7919 + 1;
                while load.goes_on() {
                    random = (random * 1_103_515_245 + 12345) % 2_147_483_648;
                    let random = random >> 8;
                    match worker {
                        0..=2 => load.write(&db, random).await,
                        3 | 4 => archive(&db, random).await,
                        5 | 6 => load.delete(&db, random).await,
                        7 | 8 => restore(&db, random).await,
                        9 => load.purge(&db).await,
                        10 => load.hold(&db, random).await,
                        _ => load.erase(&db, random).await,
                    }
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
    }

    fn goes_on(&self) -> bool {
        let seconds = self.began.elapsed().as_secs();
        let Counts {
            caught,
            purged,
            held,
            erased,
        } = &self.counts;
        let counts = [caught, purged, held, erased].map(|count| count.load(Ordering::Relaxed));
        seconds < 3 || seconds < 12 && counts.iter().any(|count| *count < ENOUGH)
    }

    async fn write(&self, db: &DatabaseConnection, random: i64) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let author = random / 4 % PERSONS + 1;
        let (ids, sql) = match random % 4 {
            0 => (
                &self.posts,
                format!(
                    "insert into posts (id, title, slug, content, author_id) values ({id}, '', '{id}', 'of-{author}-is {id}', {author})"
                ),
            ),
            1 => {
                let change = format!(
                    "update comments set content = concat('of-', author_id, '-is ', {id}) where id = {}",
                    any(db, "comments").await
                );
                acknowledged(db.execute_unprepared(&change).await);
                return;
            }
            _ => (
                &self.comments,
                format!(
                    "insert into comments (id, post_id, author_id, content) values ({id}, {}, {author}, 'of-{author}-is {id}')",
                    any(db, "posts").await
                ),
            ),
        };
        if acknowledged(db.execute_unprepared(&sql).await) == 1 {
            ids.lock().await.push(id);
        }
    }

    /// Without the crate. The guard catches it.
    async fn delete(&self, db: &DatabaseConnection, random: i64) {
        let sql = match random % 3 {
            0 => format!("delete from posts where id = {}", any(db, "posts").await),
            1 => format!(
                "delete from comments where id in ({}, {})",
                any(db, "comments").await,
                any(db, "comments").await
            ),
            _ => {
                let post = any(db, "posts").await;
                format!(
                    "delete from comments where post_id = {post}; delete from posts where id = {post}"
                )
            }
        };
        let deleted = acknowledged(db.execute_unprepared(&sql).await);
        let deleted = i64::try_from(deleted).unwrap();
        self.counts.caught.fetch_add(deleted, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    async fn purge(&self, db: &DatabaseConnection) {
        let purged = archival::Entity::purge_by_id(newest(db).await)
            .exec(db)
            .await;
        self.counts
            .purged
            .fetch_add(i64::from(purged.is_ok()), Ordering::Relaxed);
        expected(purged.map(drop));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// Holds an archival, a row or a person for some milliseconds, in which nothing of it is purged or erased.
    async fn hold(&self, db: &DatabaseConnection, random: i64) {
        let person = random / 3 % PERSONS + 1;
        let archival = newest(db).await;
        let row = any(
            db,
            &format!("(select id from deleted_comments where archival_id = {archival}) as t"),
        )
        .await;
        let (placed, condition) = match random % 3 {
            0 => (
                archival::Entity::hold_by_id(archival, "case")
                    .exec(db)
                    .await,
                format!("t.archival_id = {archival}"),
            ),
            1 => (
                comment::Entity::hold_by_id(row, "case").exec(db).await,
                format!("t.id = {row}"),
            ),
            _ => (
                user::Entity::hold_person_by_id(person, "case")
                    .exec(db)
                    .await,
                format!("t.author_id = {person}"),
            ),
        };
        let Ok(placed) = placed else {
            expected(placed.map(drop));
            return;
        };
        let held = format!(
            "with t as (select id, author_id, content, null as archival_id from posts union all select id, author_id, content, archival_id from deleted_posts
                        union all select id, author_id, content, null from comments union all select id, author_id, content, archival_id from deleted_comments)
             select format('row %s of person %s', t.id, t.author_id) from t where content <> '[erased]' and {condition}"
        );
        let before: BTreeSet<_> = texts(db, &held).await.into_iter().collect();
        tokio::time::sleep(Duration::from_millis(30)).await;
        let after: BTreeSet<_> = texts(db, &held).await.into_iter().collect();
        let escaped = before.difference(&after);
        let escaped = escaped.map(|row| format!("{row} under {placed:?}"));
        self.escaped.lock().await.extend(escaped);
        hold::Entity::release_by_id(placed.id, "over")
            .exec(db)
            .await
            .unwrap();
        self.counts.held.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    async fn erase(&self, db: &DatabaseConnection, random: i64) {
        let person = random % (PERSONS - 1) + 1;
        let erased = user::Entity::erase_by_id(person).exec(db).await;
        self.counts
            .erased
            .fetch_add(i64::from(erased.is_ok()), Ordering::Relaxed);
        expected(erased.map(drop));
    }

    async fn check(&self, db: &DatabaseConnection) {
        assert_eq!(*self.escaped.lock().await, [""; 0]);
        for (table, ids) in [("posts", &self.posts), ("comments", &self.comments)] {
            let ids: Vec<_> = ids.lock().await.iter().map(ToString::to_string).collect();
            let wrong = format!(
                "with present as (
                     select id from {table}
                     union all select t.id from deleted_{table} as t
                               join archive.archival as a on a.id = t.archival_id and a.restored_at is null and a.purged_at is null
                     union all select (e.key->>'id')::bigint from archive.audit_entry as e join archive.archival as a on a.id = e.archival_id
                               where e.table_name = 'public.{table}' and e.operation = 'DELETE' and a.purged_at is not null)
                 select format('{table} %s is in %s places', coalesce(w.id, p.id), count(p.id))
                 from unnest('{{{}}}'::bigint[]) as w(id) full join present as p using (id)
                 group by w.id, p.id having count(p.id) <> 1 or w.id is null",
                ids.join(",")
            );
            assert_eq!(texts(db, &wrong).await, [""; 0]);
        }
        let open =
            "select count(*) from archive.archival where restored_at is null and purged_at is null";
        assert_eq!(number(db, open).await, archived_by_events(db).await);
        for person in 1..PERSONS {
            let certificate = user::Entity::erase_by_id(person).exec(db).await.unwrap();
            assert!(certificate.is_complete(), "{certificate}");
            assert_eq!(places(db, &format!("of-{person}-")).await, [""; 0]);
        }
        assert_log_agrees(db, &TABLES).await;
    }
}

async fn archive(db: &DatabaseConnection, random: i64) {
    expected(match random % 3 {
        0 => {
            let comment = any(db, "comments").await;
            comment::Entity::archive_by_id(comment)
                .exec(db)
                .await
                .map(drop)
        }
        _ => {
            let post = any(db, "posts").await;
            post::Entity::archive_by_id(post).exec(db).await.map(drop)
        }
    });
    tokio::time::sleep(Duration::from_millis(5)).await;
}

async fn restore(db: &DatabaseConnection, random: i64) {
    expected(match random % 2 {
        0 => {
            let comment = any(db, "deleted_comments").await;
            comment::Entity::restore_by_id(comment)
                .exec(db)
                .await
                .map(drop)
        }
        _ => {
            let post = any(db, "deleted_posts").await;
            post::Entity::restore_by_id(post).exec(db).await.map(drop)
        }
    });
}

/// The id of some row, or 0.
async fn any(db: &DatabaseConnection, table: &str) -> i64 {
    number(
        db,
        &format!("select coalesce((select id from {table} order by random() limit 1), 0)"),
    )
    .await
}

/// One of the last archivals that are archived, or 0: purges and holds meet there.
async fn newest(db: &DatabaseConnection) -> i64 {
    any(db, "(select id from archive.archival where restored_at is null and purged_at is null order by id desc limit 3) as t").await
}

/// How many archivals are archived, according to the events.
async fn archived_by_events(db: &DatabaseConnection) -> i64 {
    let mut archived = 0;
    let mut cursor = Cursor::START;
    loop {
        let events = event::Entity::after(cursor)
            .limit(1000)
            .all(db)
            .await
            .unwrap();
        let Some(last) = events.last() else {
            return archived;
        };
        cursor = last.cursor();
        for event in events {
            archived += match event.kind {
                Kind::Archived | Kind::Split => 1,
                Kind::Restored | Kind::Purged => -1,
                _ => 0,
            };
        }
    }
}

/// Panics on an error that neither a concurrent call, nor a hold, nor a conflict explains.
fn expected(done: Result<(), Error>) {
    let explained = matches!(
        done,
        Err(Error::Conflict(
            ConflictError::Held { .. }
                | ConflictError::ParentArchived { .. }
                | ConflictError::Restore { .. }
        ))
    );
    if !explained {
        load::expected(done);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_stays_what_is_erased_is_nowhere_and_what_is_caught_is_archived() {
    let blog = Database::from_template("lives", async |db| fixture::fill(&db, PERSONS).await).await;
    let db = blog.connect().await;
    let load = Load::new();
    load.run(&db).await;
    load.check(&db).await;
}
