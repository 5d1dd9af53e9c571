//! Sending statements: atomically, and again where that helps.

use std::any::TypeId;
use std::time::Duration;

use sea_orm::sea_query::{PostgresQueryBuilder, QueryBuilder};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionSession,
    TransactionTrait, Value,
};
use serde_json::Value as Json;

use crate::Error;
use crate::begin::begin;
use crate::error;

/// How often a call is tried before its error is the caller's.
pub(crate) const ATTEMPTS: u32 = 10;

/// SQL with its bound values.
pub(crate) struct Sql {
    pub text: String,
    pub values: Vec<Value>,
}

impl Sql {
    /// Binds one more value and gives its placeholder.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }
}

/// Who acts, as the text that the ledger keeps and the twin's column is read from.
///
/// Always text: the driver prepares a statement by its text alone, and would send a number to a
/// statement that another call has prepared for a NULL of another type.
pub(crate) fn actor(by: Value) -> Option<String> {
    if by == by.as_null() {
        return None;
    }
    Some(match by {
        Value::String(Some(text)) => text.to_string(),
        other => PostgresQueryBuilder
            .value_to_string(&other)
            .trim_matches('\'')
            .to_owned(),
    })
}

/// Whether each statement on this connection is a transaction of its own.
///
/// On a pool it is, so one statement needs no BEGIN and no COMMIT, and may be tried again. On
/// anything else (a transaction of the caller's, a wrapper we do not know) it is nested.
pub(crate) fn is_pool<C: 'static>() -> bool {
    TypeId::of::<C>() == TypeId::of::<DatabaseConnection>()
}

pub(crate) fn check_backend<C: ConnectionTrait>(db: &C) -> Result<(), Error> {
    match db.get_database_backend() {
        DbBackend::Postgres => Ok(()),
        other => Err(Error::UnsupportedBackend(other)),
    }
}

/// Runs one statement that answers with one JSON value in the column `result`; on an error nothing
/// of it remains, and a transaction of the caller's stays usable.
pub(crate) async fn ask<C>(db: &C, sql: &Sql) -> Result<Option<Json>, Error>
where
    C: ConnectionTrait + TransactionTrait + 'static,
{
    if is_pool::<C>() {
        return ask_here(db, sql).await;
    }
    let nested = begin(db).await?;
    let answer = ask_here(&nested, sql).await;
    finish(nested, answer).await
}

/// The same, in the transaction that `db` is.
pub(crate) async fn ask_here<C: ConnectionTrait>(db: &C, sql: &Sql) -> Result<Option<Json>, Error> {
    let statement =
        Statement::from_sql_and_values(DbBackend::Postgres, &sql.text, sql.values.clone());
    match db.query_one_raw(statement).await? {
        Some(row) => Ok(row.try_get("", "result")?),
        None => Ok(None),
    }
}

/// Commits what went well and rolls back what did not.
pub(crate) async fn finish<T, S>(transaction: S, answer: Result<T, Error>) -> Result<T, Error>
where
    S: TransactionSession,
{
    match answer {
        Ok(answer) => {
            transaction.commit().await?;
            Ok(answer)
        }
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
        }
    }
}

/// Whether the error says that the plan is not of these tables (any more).
///
/// Besides our own code, it is what PostgreSQL answers when a name in a planned statement is gone or
/// its type has changed.
pub(crate) fn is_stale(error: &Error) -> bool {
    match error {
        Error::NotInstalled(_) => false,
        error => error::code(error).is_some_and(|code| {
            matches!(
                code.as_str(),
                error::STALE
                    | "3F000"
                    | "428C9"
                    | "42P01"
                    | "42703"
                    | "42704"
                    | "42804"
                    | "42846"
                    | "42883"
                    | "0A000"
            )
        }),
    }
}

/// Waits a little before the next attempt; longer each time, and not the same for everybody.
pub(crate) async fn back_off(attempt: u32) {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(attempt) % 1000;
    let most = 2_u64.pow(attempt.min(7)) * 1000;
    tokio::time::sleep(Duration::from_micros(most / 2 + most * random / 2000)).await;
}
