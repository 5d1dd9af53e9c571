//! Purges and restores with changes beside writers and archives. At the end every row is active, archived in an open archival, or
//! deleted by a purge whose record counts it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use blog::{comment, post, tag};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Restored, archival};
use sea_orm_archive_migration::{Retention, RetentionSchema};
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::sql::{number, run, texts};
use sea_orm_migration::SchemaManager;
use serde_json::json;
use tokio::sync::Mutex;

use crate::hammer::load::{self, Done, acknowledged};
use crate::hammer::{TABLES, cascade, naive};

/// What is wrong at the end, a line for each row or count.
type Wrong = Vec<String>;

/// How many archivals are purged, and how many restores with changes succeed, at least.
const ENOUGH: i64 = 20;

struct Load {
    naive: bool,
    /// The acknowledged rows of each table: their keys as the log writes them.
    written: Mutex<BTreeMap<&'static str, Vec<String>>>,
    /// The ids of the posts and comments among them.
    posts: Mutex<Vec<i64>>,
    comments: Mutex<Vec<i64>>,
    /// How many copies restores with `as_new` have reported, by table.
    copies: Mutex<BTreeMap<String, u64>>,
    /// How many restores with changes have succeeded, and how many archivals were purged.
    changed: AtomicI64,
    purged: AtomicI64,
    /// How many archivals that a naive purge has recorded were restored, too.
    restored_too: AtomicI64,
    next: AtomicI64,
    began: Instant,
}

impl Load {
    fn new(naive: bool) -> Arc<Self> {
        Arc::new(Self {
            naive,
            written: Mutex::default(),
            posts: Mutex::default(),
            comments: Mutex::default(),
            copies: Mutex::default(),
            changed: AtomicI64::new(0),
            purged: AtomicI64::new(0),
            restored_too: AtomicI64::new(0),
            next: AtomicI64::new(1000),
            began: Instant::now(),
        })
    }

    /// Three writers, two archivers, five restorers and two purgers, for three seconds, or for longer where they
    /// have done too little on a slow machine. With a naive purge until it has gone wrong.
    async fn run(self: Arc<Self>, db: &DatabaseConnection) -> Wrong {
        let mut workers = Vec::new();
        for worker in 0..12 {
            let (load, db) = (Arc::clone(&self), db.clone());
            workers.push(tokio::spawn(async move {
                let mut random = worker * 7919 + 1;
                while load.goes_on() {
                    random = (random * 1_103_515_245 + 12345) % 2_147_483_648;
                    match worker {
                        0..=2 => load.write(&db, random >> 8).await,
                        3 | 4 => load.archive(&db, random >> 8).await,
                        5..=9 => load.restore(&db, random >> 8).await,
                        _ => load.purge(&db, random >> 8).await,
                    }
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
        self.check(db).await
    }

    /// One of the last ten posts, or a comment of one of the last sixty.
    async fn recent(ids: &Mutex<Vec<i64>>, last: usize, random: i64) -> i64 {
        let ids = ids.lock().await;
        let last = last.min(ids.len()).max(1);
        let nth = usize::try_from(random).unwrap() % last;
        ids.iter().rev().nth(nth).copied().unwrap_or(1)
    }

    fn goes_on(&self) -> bool {
        let seconds = self.began.elapsed().as_secs();
        let count = |count: &AtomicI64| count.load(Ordering::Relaxed);
        match self.naive {
            true => seconds < 30 && count(&self.restored_too) == 0,
            false => {
                let least = count(&self.changed).min(count(&self.purged));
                seconds < 3 || seconds < 12 && least < ENOUGH
            }
        }
    }

    async fn post(&self, random: i64) -> i64 {
        Self::recent(&self.posts, 10, random).await
    }

    async fn comment(&self, random: i64) -> i64 {
        Self::recent(&self.comments, 60, random).await
    }

    async fn insert(
        &self,
        db: &DatabaseConnection,
        table: &'static str,
        key: String,
        sql: &str,
    ) -> bool {
        let is_written = acknowledged(db.execute_unprepared(sql).await) == 1;
        if is_written {
            self.written
                .lock()
                .await
                .entry(table)
                .or_default()
                .push(key);
        }
        is_written
    }

    /// Writes a post with a slug that another one may have, a comment, a like or a tag of a post.
    async fn write(&self, db: &DatabaseConnection, random: i64) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let post = self.post(random / 8).await;
        let key = format!("{{\"id\": {id}}}");
        match random % 8 {
            0 => {
                let sql = format!(
                    "insert into posts (id, title, slug, content, author_id) values ({id}, '', 'slug {}', '', 1)",
                    random / 8 % 12
                );
                if self.insert(db, "posts", key, &sql).await {
                    self.posts.lock().await.push(id);
                }
            }
            1 => {
                let tag = random / 8 % 2 + 1;
                let key = format!("{{\"tag_id\": {tag}, \"post_id\": {post}}}");
                let sql = format!("insert into post_tags (post_id, tag_id) values ({post}, {tag})");
                self.insert(db, "post_tags", key, &sql).await;
            }
            2..=4 => {
                let sql = format!(
                    "insert into comments (id, post_id, author_id, content) values ({id}, {post}, 1, '')"
                );
                if self.insert(db, "comments", key, &sql).await {
                    self.comments.lock().await.push(id);
                }
            }
            _ => {
                let comment = self.comment(random / 8).await;
                let sql = format!(
                    "insert into likes (id, comment_id, user_id) values ({id}, {comment}, {})",
                    random / 8 % 20 + 1
                );
                self.insert(db, "likes", key, &sql).await;
            }
        }
    }

    async fn archive(&self, db: &DatabaseConnection, random: i64) {
        let post = any(db, "posts as t").await;
        // The retention rule lets these archivals expire at once.
        let metadata = json!({"expires": random / 4 % 2 == 0});
        expected(match random % 4 {
            0 => {
                let some = post::Column::Id.is_in([post, post + 1, post + 2]);
                let archive = post::Entity::archive_many().filter(some);
                archive.metadata(metadata).exec(db).await.map(drop)
            }
            1 => {
                let comment = any(db, "comments as t").await;
                let archive = comment::Entity::archive_by_id(comment);
                archive.metadata(metadata).exec(db).await.map(drop)
            }
            2 if random / 8 % 4 == 0 => {
                let tag = tag::Entity::archive_by_id(random / 8 % 2 + 1);
                tag.exec(db).await.map(drop)
            }
            _ => {
                let archive = post::Entity::archive_by_id(post);
                archive.metadata(metadata).exec(db).await.map(drop)
            }
        });
    }

    async fn restore(&self, db: &DatabaseConnection, random: i64) {
        let random = random / 8;
        let post = newest(db, "posts").await;
        let restore = post::Entity::restore_by_id(post);
        let changed = match random % 7 {
            0 => return expected(restore.exec(db).await.map(drop)),
            1 => {
                let tag = tag::Entity::restore_by_id(random % 2 + 1);
                return expected(tag.exec(db).await.map(drop));
            }
            2 => restore.rename(post::Column::Slug, "-{n}").exec(db).await,
            3 => restore.skip_conflicting().exec(db).await,
            4 => {
                let comment = newest(db, "comments").await;
                let restore = comment::Entity::restore_by_id(comment);
                restore.with_parents().exec(db).await
            }
            5 => {
                let comment = any(db, "deleted_comments as t").await;
                let restore = comment::Entity::restore_by_id(comment).as_part();
                let other = any(db, "posts as t").await;
                restore.set(comment::Column::PostId, other).exec(db).await
            }
            _ => {
                let restore = restore.rename(post::Column::Slug, "-{n}").as_new();
                let copied = restore.exec(db).await;
                if let Ok(copied) = &copied {
                    self.count_copies(copied).await;
                }
                copied
            }
        };
        self.changed
            .fetch_add(i64::from(changed.is_ok()), Ordering::Relaxed);
        expected(changed.map(drop));
    }

    /// A copy whose tag is archived waits for it.
    async fn count_copies(&self, copied: &Restored) {
        let mut copies = self.copies.lock().await;
        let waiting = copied.waiting.iter().map(|w| (&w.table, &w.rows));
        for (table, rows) in copied.rows.iter().chain(waiting) {
            *copies.entry(table.clone()).or_default() += rows;
        }
    }

    async fn purge(&self, db: &DatabaseConnection, random: i64) {
        let table = ["posts", "comments"][usize::try_from(random / 3 % 2).unwrap()];
        let root = newest(db, table).await;
        let open = format!(
            "archive.archival as t where t.root_table = 'public.{table}' and t.root_key->>'id' = '{root}' and t.restored_at is null and t.purged_at is null"
        );
        let id = any(db, &open).await;
        let purged = if self.naive {
            let purged = naive::purge(db, id).await;
            acknowledged(purged.map(|()| Done));
            let both = "select count(*) from archive.archival where restored_at is not null and purged_at is not null";
            self.restored_too
                .fetch_max(number(db, both).await, Ordering::Relaxed);
            Ok(1)
        } else {
            match random % 3 {
                0 => archival::Entity::purge_by_id(id).exec(db).await.map(|_| 1),
                1 => {
                    let some = post::deleted::Column::Id.is_in([root, root + 1, root + 2]);
                    let purge = post::Entity::purge_many().filter(some);
                    purge.exec(db).await.map(|purged| purged.archivals)
                }
                _ => {
                    let mut batches = archival::Entity::purge_expired().in_batches(2);
                    let batch = batches.next(db).await;
                    batch.map(|batch| batch.map_or(0, |batch| batch.archivals))
                }
            }
        };
        if let Ok(archivals) = purged {
            let archivals = i64::try_from(archivals).unwrap();
            self.purged.fetch_add(archivals, Ordering::Relaxed);
        }
        expected(purged.map(drop));
        // Otherwise most archivals are purged before a restore finds them.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }

    async fn check(&self, db: &DatabaseConnection) -> Wrong {
        let mut wrong = Vec::new();
        for table in TABLES {
            self.check_table(db, table, &mut wrong).await;
        }
        let both = "select concat('archival ', id, ' was restored and purged') from archive.archival where restored_at is not null and purged_at is not null";
        wrong.extend(texts(db, both).await);
        if !self.naive {
            let (changed, purged) = (
                self.changed.load(Ordering::Relaxed),
                self.purged.load(Ordering::Relaxed),
            );
            assert!(changed >= ENOUGH, "only {changed} restores with changes");
            assert!(purged >= ENOUGH, "only {purged} purges");
            let copies = self.copies.lock().await;
            assert!(!copies.is_empty(), "no row was copied");
        }
        wrong
    }

    async fn check_table(&self, db: &DatabaseConnection, table: &'static str, wrong: &mut Wrong) {
        let key = match table {
            "post_tags" => "jsonb_build_object('post_id', t.post_id, 'tag_id', t.tag_id)",
            _ => "jsonb_build_object('id', t.id)",
        };
        // Active, or archived in an open archival. A row of another archival is found by nobody.
        let present = format!(
            "select {key}::text from {table} as t
             union all select case when a.id is not null then {key}::text else 'without an open archival: ' || {key}::text end from deleted_{table} as t
             left join archive.archival as a on a.id = t.archival_id and a.restored_at is null and a.purged_at is null"
        );
        let purged = format!(
            "select e.key::text from archive.audit_entry as e join archive.archival as a on a.id = e.archival_id
             where e.table_name = 'public.{table}' and e.operation = 'DELETE' and a.purged_at is not null"
        );
        let recorded = format!(
            "select coalesce(sum((purged_rows->>'public.{table}')::bigint), 0)::text from archive.archival where purged_at is not null"
        );
        let (present, purged) = (texts(db, &present).await, texts(db, &purged).await);
        let recorded = texts(db, &recorded).await.concat();
        if recorded != purged.len().to_string() {
            let rows = purged.len();
            wrong.push(format!(
                "{table}: {recorded} purged rows are recorded, and {rows} are gone"
            ));
        }
        let mut found: BTreeMap<String, i64> = BTreeMap::new();
        for key in present.into_iter().chain(purged) {
            *found.entry(key).or_default() += 1;
        }
        // A tag of a post is written again after it was purged.
        let written = self.written.lock().await;
        for key in written.get(table).into_iter().flatten() {
            *found.entry(key.clone()).or_default() -= 1;
        }
        for key in initial(table) {
            *found.entry(key).or_default() -= 1;
        }
        let copies = self.copies.lock().await;
        let copies = copies.get(&format!("public.{table}")).copied().unwrap_or(0);
        let new: i64 = found.values().filter(|rows| **rows == 1).sum();
        if u64::try_from(new).unwrap() != copies {
            wrong.push(format!(
                "{table}: {copies} copies are reported, and {new} rows are new"
            ));
        }
        let others = found.into_iter().filter(|(_, rows)| ![0, 1].contains(rows));
        wrong.extend(others.map(|(key, rows)| format!("{table} {key}: {rows} rows too many")));
    }
}

/// The id of some row of "t", or 0.
async fn any(db: &DatabaseConnection, tables: &str) -> i64 {
    let some = format!("select t.id::text from {tables} order by random() limit 1");
    texts(db, &some)
        .await
        .pop()
        .map_or(0, |id| id.parse().unwrap())
}

/// The root of one of the last archivals with a root in a table: purges and restores meet there.
async fn newest(db: &DatabaseConnection, table: &str) -> i64 {
    let newest = format!(
        "(select root_key->>'id' as id from archive.archival
          where root_table = 'public.{table}' and restored_at is null and purged_at is null order by archival.id desc limit 3) as t"
    );
    any(db, &newest).await
}

/// Panics on an error that neither a concurrent call nor a conflict explains.
fn expected(done: Result<(), Error>) {
    let conflict = matches!(
        done,
        Err(Error::Conflict(
            ConflictError::Restore { .. } | ConflictError::ParentArchived { .. }
        ))
    );
    if !conflict {
        load::expected(done);
    }
}

/// The rows that are there before the load.
fn initial(table: &str) -> Vec<String> {
    let id = |id| format!("{{\"id\": {id}}}");
    match table {
        "posts" => (1..=6).map(id).collect(),
        "tags" => (1..=2).map(id).collect(),
        "post_tags" => (1..=6)
            .flat_map(|post| {
                [1, 2].map(|tag| format!("{{\"tag_id\": {tag}, \"post_id\": {post}}}"))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The blog, where half of the archivals expire at once. The ids of copies are no ids of writers.
async fn prepare(db: &DatabaseConnection) {
    let manager = SchemaManager::new(db);
    for table in ["posts", "comments"] {
        let rule = Retention::days(0).metadata(json!({"expires": true}));
        manager.retain(table, rule).await.unwrap();
    }
    run(
        db,
        "select setval(pg_get_serial_sequence(t, 'id'), 1000000) from unnest('{posts, comments, likes}'::text[]) as t",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_active_archived_or_counted_by_a_purge() {
    let blog = cascade().await;
    let db = blog.connect().await;
    prepare(&db).await;
    let wrong = Load::new(false).run(&db).await;
    assert_eq!(wrong, Wrong::new());
    assert_log_agrees(&db, &TABLES).await;
}

/// The same load detects a purge that does not lock the archival.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naive_purge_is_detected_under_the_same_load() {
    let blog = cascade().await;
    let db = blog.connect().await;
    prepare(&db).await;
    let wrong = Load::new(true).run(&db).await;
    assert!(!wrong.is_empty(), "the load did not detect a naive purge");
}
