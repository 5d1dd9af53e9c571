//! The load, and the check of the versions after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxError, TransactionTrait};
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use tokio::sync::Mutex;

use crate::history_hammer::department_history::{Column, Entity as Names, Model as Version};
use crate::history_hammer::naive;

/// How many versions are wrong at the end.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Acknowledged renames without a version.
    pub lost: usize,
    /// Acknowledged renames with several versions.
    pub doubled: usize,
    /// Versions without an acknowledged rename.
    pub unacknowledged: usize,
    /// Renames that were acknowledged before another one began, but start later.
    pub disordered: usize,
    /// Versions that end after the next one starts.
    pub overlaps: usize,
    /// The difference between the number of gaps and the number of ends.
    pub gaps: usize,
    /// Unexpected errors.
    pub errors: usize,
}

impl Outcome {
    pub fn versions_are_wrong(&self) -> bool {
        self.lost + self.doubled + self.disordered + self.overlaps + self.gaps > 0
    }
}

/// An acknowledged rename. Its times are of a clock that ticks at each call and each result.
struct Rename {
    department: i32,
    name: String,
    began: u64,
    done: u64,
}

pub struct Load {
    naive: bool,
    renames: Mutex<Vec<Rename>>,
    clock: AtomicU64,
    next: AtomicI32,
    /// How often each department has ended.
    ends: [AtomicUsize; DEPARTMENTS],
    errors: AtomicUsize,
}

const DEPARTMENTS: usize = 3;
const WORKERS: i64 = 8;
const CALLS: i64 = 40;

impl Load {
    pub fn of_the_product() -> Arc<Self> {
        Self::new(false)
    }

    pub fn of_naive_renames() -> Arc<Self> {
        Self::new(true)
    }

    fn new(naive: bool) -> Arc<Self> {
        Arc::new(Self {
            naive,
            renames: Mutex::default(),
            clock: AtomicU64::new(0),
            next: AtomicI32::new(0),
            ends: Default::default(),
            errors: AtomicUsize::new(0),
        })
    }

    /// Eight workers, forty calls each.
    pub async fn run(self: Arc<Self>, db: &DatabaseConnection) -> Outcome {
        let mut workers = Vec::new();
        for worker in 0..WORKERS {
            let (load, db) = (Arc::clone(&self), db.clone());
            workers.push(tokio::spawn(async move {
                let mut random = worker * 7919 + 1;
                for _ in 0..CALLS {
                    random = (random * 1_103_515_245 + 12345) % 2_147_483_648;
                    load.call(&db, random >> 8).await;
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
        self.check(db).await
    }

    async fn call(&self, db: &DatabaseConnection, random: i64) {
        let department = i32::try_from(random % 3).unwrap() + 1;
        let name = format!("Name {}", self.next.fetch_add(1, Ordering::Relaxed));
        match random / 3 % 10 {
            0 => {
                if self.end(db, department).await {
                    let began = self.tick();
                    if self.start(db, department, &name).await {
                        self.acknowledged(department, name, began).await;
                    }
                }
            }
            how => {
                let began = self.tick();
                if self.rename(db, department, &name, how).await {
                    self.acknowledged(department, name, began).await;
                }
            }
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    async fn acknowledged(&self, department: i32, name: String, began: u64) {
        let done = self.tick();
        self.renames.lock().await.push(Rename {
            department,
            name,
            began,
            done,
        });
    }

    async fn rename(&self, db: &DatabaseConnection, department: i32, name: &str, how: i64) -> bool {
        if self.naive {
            return self.refused(naive::rename(db, department, name).await);
        }
        let change = Names::change(department).value(Column::Name, name);
        match how {
            1 | 2 => self.expected(in_a_transaction(db, department, change, how == 1).await),
            _ => self.expected(change.exec(db).await.map(|_| true)),
        }
    }

    async fn end(&self, db: &DatabaseConnection, department: i32) -> bool {
        let ended = if self.naive {
            self.refused(naive::end(db, department).await)
        } else {
            self.expected(Names::end(department).exec(db).await.map(|_| true))
        };
        if ended {
            let department = usize::try_from(department).unwrap();
            self.ends[department - 1].fetch_add(1, Ordering::Relaxed);
        }
        ended
    }

    async fn start(&self, db: &DatabaseConnection, department: i32, name: &str) -> bool {
        if self.naive {
            return self.refused(naive::start(db, department, name).await);
        }
        let start = Names::start(department).value(Column::Name, name);
        self.expected(start.exec(db).await.map(|_| true))
    }

    /// Whether a naive write succeeded; an error of a constraint is counted.
    fn refused(&self, done: Result<(), DbErr>) -> bool {
        let Err(error) = done else {
            return true;
        };
        let code = code(&error);
        let known = matches!(code.as_str(), "23505" | "23514" | "23P01" | "40P01");
        assert!(known, "{error}");
        self.errors.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Whether a verb succeeded. The only expected error is that the department has ended.
    fn expected(&self, done: Result<bool, Error>) -> bool {
        match done {
            Ok(done) => done,
            Err(Error::NotFound(NotFoundError::Version { .. })) => false,
            Err(error) => {
                eprintln!("{error}");
                self.errors.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    async fn check(&self, db: &DatabaseConnection) -> Outcome {
        let mut outcome = Outcome {
            errors: self.errors.load(Ordering::Relaxed),
            ..Outcome::default()
        };
        let renames = self.renames.lock().await;
        for (department, ends) in (1..).zip(&self.ends) {
            let of_it: Vec<_> = renames
                .iter()
                .filter(|r| r.department == department)
                .collect();
            let versions = Names::find_timeline(department).all(db).await.unwrap();
            outcome.check(&of_it, &versions, ends.load(Ordering::Relaxed));
        }
        assert!(
            self.naive || renames.len() > 150,
            "too few renames: {}",
            renames.len()
        );
        outcome
    }
}

impl Outcome {
    fn check(&mut self, renames: &[&Rename], versions: &[Version], ends: usize) {
        let starts = |rename: &Rename| {
            let of_it = versions.iter().filter(|v| v.name == rename.name);
            of_it.map(|version| version.valid_from).collect::<Vec<_>>()
        };
        let starts: Vec<_> = renames.iter().map(|rename| starts(rename)).collect();
        self.lost += starts.iter().filter(|starts| starts.is_empty()).count();
        self.doubled += starts.iter().filter(|starts| starts.len() > 1).count();
        let acknowledged = |version: &&Version| renames.iter().any(|r| r.name == version.name);
        let known = versions.iter().filter(acknowledged).count();
        // The first version existed before the load.
        self.unacknowledged += versions.len() - 1 - known;
        for (one, one_starts) in renames.iter().zip(&starts) {
            for (other, other_starts) in renames.iter().zip(&starts) {
                if one.done < other.began && one_starts.first() >= other_starts.first() {
                    self.disordered += 1;
                }
            }
        }
        let meets = |pair: &[Version]| pair[0].valid_to.map(|to| to.cmp(&pair[1].valid_from));
        let meetings = || versions.windows(2).map(meets);
        let gaps = meetings().filter(|m| m.is_some_and(|m| m.is_lt())).count();
        self.gaps += gaps.abs_diff(ends);
        self.overlaps += meetings().filter(|m| m.is_none_or(|m| m.is_gt())).count();
    }
}

/// Renames in a transaction of the caller that has read before; returns whether it was committed.
async fn in_a_transaction(
    db: &DatabaseConnection,
    department: i32,
    change: sea_orm_archive::history::Change<Names>,
    commit: bool,
) -> Result<bool, Error> {
    let txn = db.begin().await?;
    Names::find_current_version(department).one(&txn).await?;
    let changed = change.exec(&txn).await;
    if commit {
        txn.commit().await?;
    } else {
        txn.rollback().await?;
    }
    changed.map(|_| commit)
}

/// The SQLSTATE of an error.
fn code(error: &DbErr) -> String {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return String::new();
    };
    match error.as_ref() {
        SqlxError::Database(error) => error.code().unwrap_or_default().into_owned(),
        _ => String::new(),
    }
}
