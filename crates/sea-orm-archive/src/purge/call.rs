//! Calls the functions that purge.

use std::collections::BTreeMap;

use sea_orm::Value;
use sea_orm_archive_postgres::schema::VERSION;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::catalog::check_version;
use crate::error::{Error, unexpected_answer};
use crate::exec::{ATTEMPTS, Executor, Sql, ask, back_off, is_stale};

/// What `archive.purge_archivals` and `archive.purge_expired` return.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub archivals: u64,
    pub rows: BTreeMap<String, u64>,
    /// The record, where one archival was purged.
    pub archival: Option<Json>,
}

/// The statement that calls a function if the installed schema is not too old for this release. Otherwise nothing is purged, and the
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

/// Purges the archivals that `find` returns: an expression of type `bigint[]`, with its values.
pub(super) async fn purge(
    db: &impl Executor,
    find: &str,
    values: &[Value],
    by: Option<&str>,
    policy: Option<&str>,
) -> Result<Answer, Error> {
    let mut attempt = 1;
    loop {
        let mut sql = Sql {
            text: String::new(),
            values: values.to_vec(),
        };
        let (by, policy) = (
            sql.bind(by.map(str::to_owned)),
            sql.bind(policy.map(str::to_owned)),
        );
        let call = format!("archive.purge_archivals({find}, {by}, {policy})");
        sql.text = format!("SELECT {} AS result", guarded(&call));
        match ask(db, &sql).await {
            Err(error)
                if attempt < ATTEMPTS
                    && (is_stale(&error) || (db.is_pool() && error.is_retryable())) => {}
            answer => return read(answer?),
        }
        back_off(attempt).await;
        attempt += 1;
    }
}
