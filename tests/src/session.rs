//! Sessions whose steps run in an order that the test defines.

use std::{
    fmt,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::{task::JoinHandle, time::timeout};

use crate::cluster::PATIENCE;

/// One fixed connection to a database.
///
/// ```no_run
/// # use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
/// # use sea_orm_archive_tests::Database;
/// # async fn race(database: Database) -> Result<(), DbErr> {
/// let writer = database.session("writer").await;
/// let archiver = database.session("archiver").await;
///
/// let writing = writer.db().begin().await?;
/// writing.execute_unprepared("update posts set title = 'New' where id = 1").await?;
///
/// let db = archiver.db();
/// let archiving = archiver.start(async move {
///     db.execute_unprepared("select * from posts where id = 1 for update").await
/// });
/// database.wait_until_blocked_by(&archiver, &writer).await;
///
/// writing.commit().await?;
/// archiving.finish().await?;
/// # Ok(())
/// # }
/// ```
pub struct Session {
    name: String,
    db: DatabaseConnection,
    pid: i32,
    running: Arc<AtomicUsize>,
}

impl Session {
    /// A session over a pool that has exactly one connection.
    pub(crate) async fn on(name: &str, db: DatabaseConnection) -> Self {
        let statement =
            Statement::from_string(DbBackend::Postgres, "select pg_backend_pid() as pid");
        let pid = match db.query_one_raw(statement).await {
            Ok(Some(row)) => row.try_get("", "pid"),
            Ok(None) => panic!("session {name} has no process"),
            Err(error) => Err(error),
        };
        Self {
            name: name.to_owned(),
            db,
            pid: pid.unwrap_or_else(|error| panic!("session {name}: {error}")),
            running: Arc::default(),
        }
    }

    /// Its connection. While a transaction of it is open, the connection is in use: acquiring it
    /// again waits.
    pub fn db(&self) -> DatabaseConnection {
        self.db.clone()
    }

    /// The id of its process on the server.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Starts a step and does not wait for it. The step runs beside the test until
    /// [`Step::finish`].
    pub fn start<T: Send + 'static>(
        &self,
        step: impl Future<Output = T> + Send + 'static,
    ) -> Step<T> {
        let running = Running::begin(&self.running);
        Step {
            session: self.name.clone(),
            task: tokio::spawn(async move {
                let done = step.await;
                drop(running);
                done
            }),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }
}

impl AsRef<Self> for Session {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Display for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name, self.pid)
    }
}

/// Counts a step as running until it returns, panics or is aborted.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A step that a [`Session`] has started.
#[must_use = "a step that is not finished may not have happened"]
pub struct Step<T> {
    session: String,
    task: JoinHandle<T>,
}

impl<T> Step<T> {
    /// Waits for the step, and returns what it returned.
    ///
    /// # Panics
    ///
    /// If the step does not end, or if it panicked.
    pub async fn finish(self) -> T {
        let done = self.ended_within(PATIENCE).await;
        done.unwrap_or_else(|session| panic!("the step of session {session} does not end"))
    }

    /// The value of the step, or the name of its session if the step has not ended in time.
    pub(crate) async fn ended_within(mut self, patience: Duration) -> Result<T, String> {
        match timeout(patience, &mut self.task).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => resume_unwind(error.into_panic()),
            Err(_) => {
                self.task.abort();
                Err(self.session)
            }
        }
    }

    /// Whether the step has ended.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}
