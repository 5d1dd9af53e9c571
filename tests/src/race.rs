//! A race as a table of steps.

use std::{fmt::Display, time::Duration};

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, TransactionTrait};
use tokio::time::timeout;

use crate::{Database, Session, Step};

/// How long a step that should not wait for a lock may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the steps of sessions in the order in which they are written, and returns what they returned.
///
/// | step | effect | value |
/// | --- | --- | --- |
/// | `a holds \|txn\| step;` | opens session `a`, runs the step in a transaction and leaves the transaction open | the value of the step, which must succeed |
/// | `a holds at level => \|txn\| step;` | the same at an isolation level | the same |
/// | `a goes on \|txn\| step;` | one more step in the transaction of `a` | the same |
/// | `b waits for a \|db\| step;` | opens session `b`, starts the step and checks that it waits for a lock of `a` | the `Result` of the step |
/// | `b then waits for a \|txn\| step;` | the same in the transaction that `b` holds, which it commits | the same |
/// | `a commits;` `a rolls back;` `a commits if condition;` | ends the transaction of `a` | none |
///
/// Steps are futures of a `Result`. A step that waits moves the variables that it uses. The macro returns the values as
/// one tuple, in the order of the steps, when every step has ended.
///
/// A step that ends although it should wait fails the test at once. A step that does not end fails the test after ten
/// seconds. The message names the sessions, and which session waits for which.
///
/// ```no_run
/// # use sea_orm::ConnectionTrait;
/// # use sea_orm_archive_tests::{Database, race};
/// # async fn test(blog: Database) {
/// let (_, inserted) = race! { blog;
///     deleter holds |txn| txn.execute_unprepared("delete from posts where id = 1");
///     writer waits for deleter |db| db.execute_unprepared("insert into comments values (1, 1)");
///     deleter commits;
/// };
/// assert!(inserted.is_err());
/// # }
/// ```
#[macro_export]
macro_rules! race {
    ($database:expr; $($steps:tt)+) => {{
        let race = $crate::Race::of(&$database);
        $crate::race!(@ race () () $($steps)+)
    }};
    (@ $race:ident ($($value:ident)*) ($($end:ident)*)) => {{
        $(let $end = $race.finish($end).await;)*
        ($($value,)*)
    }};
    (@ $race:ident ($($value:ident)*) ($($end:ident)*)
        $who:ident holds |$txn:ident| $step:expr; $($rest:tt)*) => {{
        let $who = $race.begin(stringify!($who), None).await;
        let value = { let $txn = $who.transaction(); $race.must_end(&$who, $step).await };
        $crate::race!(@ $race ($($value)* value) ($($end)*) $($rest)*)
    }};
    (@ $race:ident ($($value:ident)*) ($($end:ident)*)
        $who:ident holds at $level:expr => |$txn:ident| $step:expr; $($rest:tt)*) => {{
        let $who = $race.begin(stringify!($who), Some($level)).await;
        let value = { let $txn = $who.transaction(); $race.must_end(&$who, $step).await };
        $crate::race!(@ $race ($($value)* value) ($($end)*) $($rest)*)
    }};
    (@ $race:ident ($($value:ident)*) ($($end:ident)*)
        $who:ident goes on |$txn:ident| $step:expr; $($rest:tt)*) => {{
        let value = { let $txn = $who.transaction(); $race.must_end(&$who, $step).await };
        $crate::race!(@ $race ($($value)* value) ($($end)*) $($rest)*)
    }};
    (@ $race:ident ($($value:ident)*) ($($end:ident)*)
        $who:ident waits for $other:ident |$db:ident| $step:expr; $($rest:tt)*) => {{
        let $who = $race.session(stringify!($who)).await;
        let connection = $who.db();
        let value = $who.start(async move { let $db = &connection; $step.await });
        $race.waits(&$who, &$other).await;
        $crate::race!(@ $race ($($value)* value) ($($end)* value) $($rest)*)
    }};
    (@ $race:ident ($($value:ident)*) ($($end:ident)*)
        $who:ident then waits for $other:ident |$txn:ident| $step:expr; $($rest:tt)*) => {{
        let ($who, transaction) = $who.split();
        let value = $who.start(async move {
            let done = { let $txn = &transaction; $step.await };
            $crate::Race::commit_if_done(transaction, done).await
        });
        $race.waits(&$who, &$other).await;
        $crate::race!(@ $race ($($value)* value) ($($end)* value) $($rest)*)
    }};
    (@ $race:ident $values:tt $ends:tt $who:ident commits; $($rest:tt)*) => {
        $crate::race!(@ $race $values $ends $who commits if true; $($rest)*)
    };
    (@ $race:ident $values:tt $ends:tt $who:ident rolls back; $($rest:tt)*) => {
        $crate::race!(@ $race $values $ends $who commits if false; $($rest)*)
    };
    (@ $race:ident $values:tt $ends:tt $who:ident commits if $condition:expr; $($rest:tt)*) => {{
        let $who = $race.end($who, $condition).await;
        let _ = &$who;
        $crate::race!(@ $race $values $ends $($rest)*)
    }};
}

/// The building blocks of [`race!`](crate::race!).
#[doc(hidden)]
pub struct Race<'a> {
    database: &'a Database,
}

/// A session with an open transaction.
#[doc(hidden)]
pub struct Holder {
    session: Session,
    transaction: DatabaseTransaction,
}

impl AsRef<Session> for Holder {
    fn as_ref(&self) -> &Session {
        &self.session
    }
}

impl Holder {
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    pub fn split(self) -> (Session, DatabaseTransaction) {
        (self.session, self.transaction)
    }
}

impl<'a> Race<'a> {
    pub fn of(database: &'a Database) -> Self {
        Self { database }
    }

    pub async fn session(&self, name: &str) -> Session {
        self.database.session(name).await
    }

    pub async fn begin(&self, name: &str, level: Option<IsolationLevel>) -> Holder {
        let session = self.session(name).await;
        let db: DatabaseConnection = session.db();
        let transaction = match db.begin_with_config(level, None).await {
            Ok(transaction) => transaction,
            Err(error) => panic!("session {session} cannot begin: {error}"),
        };
        Holder {
            session,
            transaction,
        }
    }

    /// The value of a step that must succeed without waiting for another session.
    pub async fn must_end<T, E: Display>(
        &self,
        holder: &Holder,
        step: impl Future<Output = Result<T, E>>,
    ) -> T {
        match timeout(PATIENCE, step).await {
            Ok(Ok(value)) => value,
            Ok(Err(error)) => panic!("the step of session {} failed: {error}", holder.session),
            Err(_) => panic!(
                "the step of session {} does not end; {}",
                holder.session,
                self.database.waits().await
            ),
        }
    }

    pub async fn waits(&self, waiter: &Session, other: &impl AsRef<Session>) {
        self.database
            .wait_until_blocked_by(waiter, other.as_ref())
            .await;
    }

    pub async fn end(&self, holder: Holder, commit: bool) -> Session {
        let (session, transaction) = holder.split();
        let ended = if commit {
            transaction.commit().await
        } else {
            transaction.rollback().await
        };
        if let Err(error) = ended {
            panic!("the transaction of session {session} does not end: {error}");
        }
        session
    }

    pub async fn finish<T>(&self, step: Step<T>) -> T {
        match step.ended_within(PATIENCE).await {
            Ok(value) => value,
            Err(session) => panic!(
                "the step of session {session} does not end; {}",
                self.database.waits().await
            ),
        }
    }

    pub async fn commit_if_done<T, E: From<DbErr>>(
        transaction: DatabaseTransaction,
        done: Result<T, E>,
    ) -> Result<T, E> {
        let value = done?;
        transaction.commit().await?;
        Ok(value)
    }
}
