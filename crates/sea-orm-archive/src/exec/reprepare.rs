//! Statements that return columns of the application's tables, after the type of a column has changed.

use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::prelude::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sea_orm_archive_postgres::sqlstate;

use crate::error::{Error, RetryError, postgres};

/// How often this process has noticed a change. The number is part of the text of each statement, so that every session
/// prepares it again.
static CHANGES: AtomicU32 = AtomicU32::new(0);

/// A connection whose queries are prepared again after a change of a type.
///
/// The driver prepares a statement once in a session, under its text. After the type of a column of its result has changed,
/// PostgreSQL refuses to run it in this session for ever (0A000: cached plan must not change result type). It refuses before
/// the statement does anything, so the statement runs once more with another text. In a transaction of the caller, which the
/// error aborts, that is up to the caller.
pub(crate) struct Repreparing<'a, C>(pub &'a C);

#[async_trait::async_trait]
impl<C: ConnectionTrait> ConnectionTrait for Repreparing<'_, C> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.0.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let changes = CHANGES.load(Ordering::Relaxed);
        match self.0.query_one_raw(numbered(&statement, changes)).await {
            Err(error) if is_outdated(&error) => {
                let again = numbered(&statement, changed_since(changes));
                let again = self.0.query_one_raw(again).await;
                again.map_err(|second| first(error, second))
            }
            done => done,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let changes = CHANGES.load(Ordering::Relaxed);
        match self.0.query_all_raw(numbered(&statement, changes)).await {
            Err(error) if is_outdated(&error) => {
                let again = numbered(&statement, changed_since(changes));
                let again = self.0.query_all_raw(again).await;
                again.map_err(|second| first(error, second))
            }
            done => done,
        }
    }
}

fn numbered(statement: &Statement, changes: u32) -> Statement {
    let mut statement = statement.clone();
    if changes > 0 {
        statement.sql.push_str(&format!(" /* {changes} */"));
    }
    statement
}

/// The number after one more change; sessions that notice the same change get the same number.
fn changed_since(changes: u32) -> u32 {
    let (is, order) = (changes + 1, Ordering::Relaxed);
    match CHANGES.compare_exchange(changes, is, order, order) {
        Ok(_) => is,
        Err(later) => later,
    }
}

/// The message is translated, the routine is not.
fn is_outdated(error: &DbErr) -> bool {
    postgres(error).is_some_and(|error| {
        error.code() == sqlstate::FEATURE_NOT_SUPPORTED
            && error.routine() == Some("RevalidateCachedQuery")
    })
}

/// The error of both attempts: the first one aborts a transaction of the caller, in which the second one always fails.
fn first(first: DbErr, second: DbErr) -> DbErr {
    let is_aborted =
        postgres(&second).is_some_and(|error| error.code() == sqlstate::IN_FAILED_SQL_TRANSACTION);
    match is_aborted {
        true => Error::from(RetryError::OutdatedStatement { source: first }).into(),
        false => second,
    }
}
