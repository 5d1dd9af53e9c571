//! The load, and the check of the tables after it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use blog::{post, tag};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, RuntimeErr,
    SqlxError, Statement, TransactionTrait,
};
use sea_orm_archive::error::{ConflictError, NotFoundError, RetryError};
use sea_orm_archive::prelude::*;
use tokio::sync::Mutex;

use crate::hammer::naive;

/// How many rows are wrong at the end.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Acknowledged rows that are in neither table.
    pub lost: usize,
    /// Rows with an older content than the last acknowledged one.
    pub stale: usize,
    /// Rows that are in both tables.
    pub duplicated: usize,
}

pub struct Load {
    naive: bool,
    /// The last acknowledged content of each new comment, by id.
    comments: Mutex<BTreeMap<i64, i64>>,
    likes: Mutex<Vec<i64>>,
    next: AtomicI64,
    until: Instant,
}

const POSTS: i64 = 6;

impl Load {
    pub fn of_the_product() -> Arc<Self> {
        Self::new(false)
    }

    pub fn of_a_naive_archive() -> Arc<Self> {
        Self::new(true)
    }

    fn new(naive: bool) -> Arc<Self> {
        Arc::new(Self {
            naive,
            comments: Mutex::default(),
            likes: Mutex::default(),
            next: AtomicI64::new(1000),
            until: Instant::now() + Duration::from_secs(3),
        })
    }

    /// Five writers, two archivers and two restorers, for three seconds.
    pub async fn run(self: Arc<Self>, db: &DatabaseConnection) -> Outcome {
        let mut workers = Vec::new();
        for worker in 0..9 {
            let (load, db) = (Arc::clone(&self), db.clone());
            workers.push(tokio::spawn(async move {
                let mut random = worker * 7919 + 1;
                while Instant::now() < load.until {
                    random = (random * 1_103_515_245 + 12345) % 2_147_483_648;
                    match worker {
                        0..=4 => load.write(&db, random >> 8).await,
                        5 | 6 => load.archive(&db, random >> 8).await,
                        _ => load.restore(&db, random >> 8).await,
                    }
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
        self.check(db).await
    }

    /// Writes a comment, a like on any comment, or a new content, and records it once it is committed.
    async fn write(&self, db: &DatabaseConnection, random: i64) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let author = random % 20 + 1;
        match random % 4 {
            0 | 1 => {
                let post = random / 4 % POSTS + 1;
                let sql = format!(
                    "insert into comments (id, post_id, author_id, content) values ({id}, {post}, {author}, '0')"
                );
                if acknowledged(db.execute_unprepared(&sql).await) == 1 {
                    self.comments.lock().await.insert(id, 0);
                }
            }
            2 => {
                let Some(comment) = self.any_comment(random / 4).await else {
                    return;
                };
                let sql = format!(
                    "insert into likes (id, comment_id, user_id) values ({id}, {comment}, {author})"
                );
                if acknowledged(db.execute_unprepared(&sql).await) == 1 {
                    self.likes.lock().await.push(id);
                }
            }
            _ => {
                let Some(comment) = self.any_comment(random / 4).await else {
                    return;
                };
                // The mutex is held until the update is acknowledged, so that the order of updates is known.
                let mut comments = self.comments.lock().await;
                let content = comments[&comment] + 1;
                let sql = format!("update comments set content = '{content}' where id = {comment}");
                if acknowledged(db.execute_unprepared(&sql).await) == 1 {
                    comments.insert(comment, content);
                }
            }
        }
    }

    async fn any_comment(&self, random: i64) -> Option<i64> {
        let comments = self.comments.lock().await;
        let nth = usize::try_from(random).unwrap() % comments.len().max(1);
        comments.keys().nth(nth).copied()
    }

    async fn archive(&self, db: &DatabaseConnection, random: i64) {
        let post = random % POSTS + 1;
        if self.naive {
            acknowledged(naive::archive(db, post).await.map(|()| Done));
            return;
        }
        let done = match random / 8 % 4 {
            0 => post::Entity::archive_by_id(post).exec(db).await.map(drop),
            1 => {
                let some = post::Column::Id.is_in([post, post % POSTS + 1, (post + 3) % POSTS + 1]);
                post::Entity::archive_many()
                    .filter(some)
                    .exec(db)
                    .await
                    .map(drop)
            }
            2 => tag::Entity::archive_by_id(post % 2 + 1)
                .exec(db)
                .await
                .map(drop),
            _ => in_a_transaction(db, post).await,
        };
        expected(done);
    }

    async fn restore(&self, db: &DatabaseConnection, random: i64) {
        let post = random % POSTS + 1;
        if self.naive {
            acknowledged(naive::restore(db, post).await.map(|()| Done));
            return;
        }
        let done = match random / 8 % 3 {
            0 => tag::Entity::restore_by_id(post % 2 + 1)
                .exec(db)
                .await
                .map(drop),
            1 => {
                let deleted = post::deleted::Entity::find_by_id(post)
                    .one(db)
                    .await
                    .unwrap();
                match deleted {
                    Some(deleted) => deleted.restore(db).await.map(drop),
                    None => Ok(()),
                }
            }
            _ => post::Entity::restore_by_id(post).exec(db).await.map(drop),
        };
        expected(done);
    }

    async fn check(&self, db: &DatabaseConnection) -> Outcome {
        let mut outcome = Outcome::default();
        let comments = rows(db, "comments", "content").await;
        for (id, content) in self.comments.lock().await.iter() {
            match comments.get(id).map(Vec::as_slice) {
                None => outcome.lost += 1,
                Some([one]) if one == &content.to_string() => {}
                Some([_]) => outcome.stale += 1,
                Some(_) => outcome.duplicated += 1,
            }
        }
        let likes = rows(db, "likes", "''").await;
        for id in self.likes.lock().await.iter() {
            match likes.get(id).map_or(0, Vec::len) {
                0 => outcome.lost += 1,
                1 => {}
                _ => outcome.duplicated += 1,
            }
        }
        if !self.naive {
            let tags = rows(db, "post_tags", "''").await;
            let all: usize = tags.values().map(Vec::len).sum();
            outcome.lost += usize::try_from(2 * POSTS).unwrap().saturating_sub(all);
            let posts = rows(db, "posts", "''").await;
            assert_eq!(posts.len(), 6);
            assert!(
                self.comments.lock().await.len() > 50,
                "too few comments were written"
            );
        }
        outcome
    }
}

/// All rows of a table and its archive table.
async fn rows(db: &DatabaseConnection, table: &str, content: &str) -> BTreeMap<i64, Vec<String>> {
    let key = if table == "post_tags" {
        "post_id"
    } else {
        "id"
    };
    let sql = format!(
        "select {key} as id, {content}::text as content from {table}
         union all select {key}, {content}::text from deleted_{table}"
    );
    let mut found: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await
        .unwrap()
    {
        let id: i64 = row.try_get("", "id").unwrap();
        found
            .entry(id)
            .or_default()
            .push(row.try_get("", "content").unwrap());
    }
    found
}

/// Archives a post in a transaction of the caller, and commits it or rolls it back.
async fn in_a_transaction(db: &DatabaseConnection, post: i64) -> Result<(), Error> {
    let txn = db.begin().await?;
    let archived = post::Entity::archive_by_id(post).exec(&txn).await;
    match archived {
        Ok(ref archival) if archival.id % 2 == 0 => txn.rollback().await?,
        _ => txn.commit().await?,
    }
    archived.map(drop)
}

/// The result of a naive archive, which does not count rows.
pub struct Done;

pub trait Affected {
    fn affected(&self) -> u64;
}

impl Affected for Done {
    fn affected(&self) -> u64 {
        0
    }
}

impl Affected for sea_orm::ExecResult {
    fn affected(&self) -> u64 {
        self.rows_affected()
    }
}

/// How many rows were written. These errors are expected: the parent is archived, the like exists already, a deadlock,
/// and, in a naive archive, a key that exists in the archive table.
pub fn acknowledged<T: Affected>(done: Result<T, DbErr>) -> u64 {
    match done {
        Ok(done) => done.affected(),
        Err(error) => {
            let code = match &error {
                DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => {
                    match e.as_ref() {
                        SqlxError::Database(e) => e.code().unwrap_or_default().into_owned(),
                        _ => String::new(),
                    }
                }
                _ => String::new(),
            };
            assert!(
                matches!(code.as_str(), "23503" | "23505" | "40P01"),
                "{error}"
            );
            0
        }
    }
}

/// Panics on an error that a concurrent archive or restore does not explain.
pub fn expected(done: Result<(), Error>) {
    match done {
        Ok(())
        | Err(
            Error::Conflict(ConflictError::AlreadyArchived { .. })
            | Error::NotFound(NotFoundError::Row { .. })
            | Error::Conflict(ConflictError::NotArchived { .. })
            | Error::NotFound(NotFoundError::Archival { .. })
            | Error::Retry(RetryError::Contention { .. }),
        ) => {}
        Err(error) => panic!("{error}"),
    }
}
