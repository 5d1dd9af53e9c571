//! Calls the functions that purge.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, Value};
use sea_orm_archive_postgres::schema::VERSION;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::catalog::check_version;
use crate::error::{Error, unexpected_answer};
use crate::exec::{Attempts, Executor, Sql, ask, is_stale};

/// How often a call is tried while its tables are renamed.
const ATTEMPTS_WHILE_RENAMED: u32 = 3;

/// What `archive.purge_archivals` returns.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub archivals: u64,
    pub rows: BTreeMap<String, u64>,
    /// The record, where one archival was purged.
    pub archival: Option<Json>,
}

/// A call of `archive.purge_archivals`.
pub(super) struct Call {
    /// An expression of type `bigint[]`, with its values: the ids of the archivals.
    pub archivals: String,
    pub values: Vec<Value>,
    pub by: Option<String>,
    pub policy: Option<String>,
}

impl Call {
    pub fn sql(&self) -> Sql {
        let mut sql = Sql {
            text: String::new(),
            values: self.values.clone(),
        };
        let (by, policy) = (sql.bind(self.by.clone()), sql.bind(self.policy.clone()));
        let call = format!(
            "archive.purge_archivals({}, {by}, {policy})",
            self.archivals
        );
        sql.text = format!("SELECT {} AS result", guarded(&call));
        sql
    }

    /// Purges them in one statement.
    pub async fn purge(&self, db: &impl Executor) -> Result<Answer, Error> {
        let sql = self.sql();
        let mut attempts = Attempts::of(db);
        loop {
            match ask(db, &sql).await.and_then(read) {
                Err(error) => again(&mut attempts, error).await?,
                answer => return answer,
            }
        }
    }
}

/// Begins the next attempt of a purge if its tables were renamed meanwhile, or after contention; otherwise returns the error.
pub(super) async fn again(attempts: &mut Attempts, error: Error) -> Result<(), Error> {
    if is_stale(&error) && attempts.remain_of(ATTEMPTS_WHILE_RENAMED) {
        attempts.wait().await;
        return Ok(());
    }
    attempts.after(error).await
}

/// A call of a function that runs only if the installed schema is not too old for this release. Otherwise nothing is purged, and the
/// result is the version of that schema.
pub(super) fn guarded(call: &str) -> String {
    let (oldest, next) = (i32::from(VERSION), (VERSION.major + 1) * 1000);
    format!(
        "CASE WHEN archive.schema_version() OPERATOR(pg_catalog.>=) {oldest} AND archive.schema_version() OPERATOR(pg_catalog.<) {next} \
         THEN {call} ELSE pg_catalog.to_jsonb(archive.schema_version()) END"
    )
}

/// Reads the result of a [`guarded`] call.
pub(super) fn read<T: for<'a> Deserialize<'a>>(answer: Option<Json>) -> Result<T, Error> {
    let answer = answer.unwrap_or_default();
    if let Some(version) = answer.as_i64() {
        check_version(i32::try_from(version).unwrap_or_default())?;
    }
    serde_json::from_value(answer).map_err(unexpected_answer)
}

/// The rows of a query that returns JSON, after the version of the installed schema was checked.
pub(super) async fn rows<T, C>(db: &C, query: &str) -> Result<T, Error>
where
    T: for<'a> Deserialize<'a>,
    C: Executor + ConnectionTrait,
{
    let text = format!("SELECT {} AS result", guarded(&format!("({query})")));
    let values = Vec::new();
    read(ask(db, &Sql { text, values }).await?)
}
