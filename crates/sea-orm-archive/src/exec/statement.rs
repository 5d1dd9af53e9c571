//! Runs statements that return JSON.

use sea_orm::sea_query::{PostgresQueryBuilder, QueryBuilder};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};
use serde_json::Value as Json;

use super::{Executor, begin};
use crate::error::{Error, RefusedError, SetupError};

/// SQL with its bound values.
pub(crate) struct Sql {
    pub text: String,
    pub values: Vec<Value>,
}

impl Sql {
    /// Binds one more value and returns its placeholder.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }
}

/// A value as text; `None` for NULL.
///
/// Actors and tenants are bound in this form: the driver identifies a prepared statement by its text alone, and would
/// send a number to a statement that another call has prepared for a NULL of another type.
pub(crate) fn value_text(value: &Value) -> Option<String> {
    if *value == value.as_null() {
        return None;
    }
    Some(match value {
        Value::String(Some(text)) => text.to_string(),
        other => PostgresQueryBuilder
            .value_to_string(other)
            .trim_matches('\'')
            .to_owned(),
    })
}

pub(crate) fn check_backend<C: ConnectionTrait>(db: &C) -> Result<(), Error> {
    match db.get_database_backend() {
        DbBackend::Postgres => Ok(()),
        backend => Err(SetupError::UnsupportedBackend { backend }.into()),
    }
}

/// The most values of one statement: the protocol counts them in 16 bits.
const MOST_VALUES: usize = 65_535;

fn check_values(sql: &Sql) -> Result<(), Error> {
    match sql.values.len() {
        values if values > MOST_VALUES => Err(RefusedError::TooManyValues { values }.into()),
        _ => Ok(()),
    }
}

/// Runs one statement that returns one JSON value in the column `result`. An error undoes the statement and leaves a
/// transaction of the caller usable.
pub(crate) async fn ask(db: &impl Executor, sql: &Sql) -> Result<Option<Json>, Error> {
    if db.is_pool() {
        return ask_here(db, sql).await;
    }
    let nested = begin(db).await?;
    let answer = ask_here(&nested, sql).await;
    finish(nested, answer).await
}

/// The same without a savepoint: an error aborts the transaction `db`.
pub(crate) async fn ask_here<C: ConnectionTrait>(db: &C, sql: &Sql) -> Result<Option<Json>, Error> {
    check_values(sql)?;
    let statement =
        Statement::from_sql_and_values(DbBackend::Postgres, &sql.text, sql.values.clone());
    match db.query_one_raw(statement).await? {
        Some(row) => Ok(row.try_get("", "result")?),
        None => Ok(None),
    }
}

/// Commits after a success, and rolls back after an error.
pub(crate) async fn finish<T>(
    transaction: DatabaseTransaction,
    answer: Result<T, Error>,
) -> Result<T, Error> {
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
