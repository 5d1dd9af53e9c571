//! The archivals that one call purges.

use std::time::Duration;

use sea_orm::Value;
use serde_json::Value as Json;

use super::call::Call;
use super::many::Options;
use crate::error::Error;
use crate::exec::{Executor, Sql, ask};
use crate::report::PurgedMany;

/// An age that PostgreSQL can subtract from any time: 5,000 years, in microseconds.
const OLDEST: u128 = 5_000 * 365 * 86_400_000_000;

/// What to do with them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    /// Deletes their rows.
    Purge,
    /// Deletes their rows and rolls that back.
    Preview,
}

/// Which archivals to purge, and how.
pub(super) struct Found {
    /// The FROM of a query whose archival record is `a`, and its bound values.
    pub from: String,
    pub values: Vec<Value>,
    /// The column of that query with the id of the archival.
    pub id: String,
    pub options: Options,
}

impl Found {
    /// The query for the ids, without a lock: archivals are not archived again, so those that another call closes meanwhile are left out
    /// once they are locked.
    fn ids(&self) -> Sql {
        let Self { from, id, .. } = self;
        let mut sql = Sql {
            text: format!(
                "SELECT {id} FROM {from} WHERE a.restored_at IS NULL AND a.purged_at IS NULL"
            ),
            values: self.values.clone(),
        };
        if let Some(age) = self.options.older_than {
            let age = sql.bind(microseconds(age));
            sql.text.push_str(&format!(
                " AND a.archived_at OPERATOR(pg_catalog.<=) \
                 (pg_catalog.now() OPERATOR(pg_catalog.-) ({age}::bigint OPERATOR(pg_catalog.*) interval '1 microsecond'))"
            ));
        }
        if let Some(most) = self.options.most {
            // A constant, so that the planner knows how few rows are needed.
            sql.text
                .push_str(&format!(" ORDER BY a.archived_at, {id} LIMIT {most}"));
        }
        sql
    }

    /// Purges them, or tries it.
    pub async fn run(&self, db: &impl Executor, verb: Verb) -> Result<PurgedMany, Error> {
        let Sql { text, values } = self.ids();
        let call = Call {
            archivals: format!("ARRAY({text})"),
            values,
            by: self.options.by.clone(),
            policy: self.options.policy.clone(),
        };
        let answer = match verb {
            Verb::Purge => call.purge(db).await?,
            Verb::Preview => call.preview(db).await?,
        };
        Ok(PurgedMany {
            archivals: answer.archivals,
            rows: answer.rows,
        })
    }

    /// Whether there are none.
    pub async fn is_empty(&self, db: &impl Executor) -> Result<bool, Error> {
        let Sql { text, values } = self.ids();
        let text = format!("SELECT pg_catalog.to_jsonb(EXISTS ({text})) AS result");
        Ok(ask(db, &Sql { text, values }).await? != Some(Json::Bool(true)))
    }
}

fn microseconds(age: Duration) -> i64 {
    i64::try_from(age.as_micros().min(OLDEST)).unwrap_or(i64::MAX)
}
