//! The archivals that one call purges.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::{DatabaseTransaction, Value};
use serde::Deserialize;
use serde_json::Value as Json;

use super::call::{Answer, Call, again, guarded, read};
use crate::error::{Error, unexpected_answer};
use crate::exec::{Attempts, Executor, Sql, ask, ask_here, begin, finish};
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

/// The archivals of a tenant, as `archive.begin_purge()` returns them.
#[derive(Deserialize)]
struct Locked {
    ids: Vec<i64>,
}

/// Archivals that are held, each with the ids of the holds.
type Held = BTreeMap<i64, Vec<i64>>;

/// What both kinds of purges have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub by: Option<String>,
    pub policy: Option<String>,
    pub older_than: Option<Duration>,
    /// Only so many archivals, the oldest first.
    pub most: Option<u64>,
    /// Archivals that are held are left out.
    pub skip_held: bool,
    /// Archivals of earlier batches, which are held.
    pub held: Vec<i64>,
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
    /// The query for the ids, without a lock and without a limit.
    fn matching(&self) -> Sql {
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
        if !self.options.held.is_empty() {
            let held = sql.bind(serde_json::json!(self.options.held).to_string());
            sql.text
                .push_str(&format!(" AND {id} NOT IN ({})", ids_of(&held)));
        }
        sql
    }

    /// The query for the ids of one call.
    fn ids(&self) -> Sql {
        let mut sql = self.matching();
        if let Some(most) = self.options.most {
            // A constant, so that the planner knows how few rows are needed.
            sql.text.push_str(&format!(
                " ORDER BY a.archived_at, {} LIMIT {most}",
                self.id
            ));
        }
        sql
    }

    /// Purges them, or tries it.
    pub async fn run(&self, db: &impl Executor, verb: Verb) -> Result<PurgedMany, Error> {
        let mut attempts = Attempts::of(db);
        loop {
            match self.run_once(db, verb).await {
                Err(error) => again(&mut attempts, error).await?,
                Ok((answer, held)) => {
                    let Answer {
                        archivals, rows, ..
                    } = answer;
                    return Ok(PurgedMany {
                        archivals,
                        rows,
                        held,
                    });
                }
            }
        }
    }

    async fn run_once(&self, db: &impl Executor, verb: Verb) -> Result<(Answer, Held), Error> {
        let transaction = begin(db).await?;
        let answer = self.purge(&transaction).await;
        match verb {
            Verb::Purge => finish(transaction, answer).await,
            Verb::Preview => {
                transaction.rollback().await?;
                answer
            }
        }
    }

    /// Locks the archivals, and then purges those of them that the filter still finds.
    ///
    /// Race: another session changes a record, or a root under the lock of its record, so that the filter does not find it any more. This
    /// waits for it. The second statement has a snapshot that shows the change, and the records are locked.
    async fn purge(&self, transaction: &DatabaseTransaction) -> Result<(Answer, Held), Error> {
        let mut lock = self.ids();
        let policy = lock.bind(self.options.policy.clone());
        let call = format!(
            "archive.begin_purge(ARRAY({}), {policy}, {})",
            lock.text, self.options.skip_held
        );
        lock.text = format!("SELECT {} AS result", guarded(&call));
        let parts: Vec<Locked> = read(ask_here(transaction, &lock).await?)?;
        let mut purge = self.matching();
        let locked: Vec<_> = parts.iter().flat_map(|part| &part.ids).collect();
        let locked = purge.bind(serde_json::json!(locked).to_string());
        let Sql { text, values } = purge;
        let call = Call {
            archivals: format!("ARRAY({text} AND {} IN ({}))", self.id, ids_of(&locked)),
            values,
            by: self.options.by.clone(),
            policy: self.options.policy.clone(),
        };
        let answer = read(ask_here(transaction, &call.sql()).await?)?;
        let held = match self.options.skip_held {
            true => self.held(transaction).await?,
            false => BTreeMap::new(),
        };
        Ok((answer, held))
    }

    /// The archivals among those of one call that are held, with their holds.
    async fn held(&self, transaction: &DatabaseTransaction) -> Result<Held, Error> {
        let Sql { text, values } = self.ids();
        let text = format!("SELECT archive.held_archivals(ARRAY({text})) AS result");
        let held = ask_here(transaction, &Sql { text, values }).await?;
        serde_json::from_value(held.unwrap_or_default()).map_err(unexpected_answer)
    }

    /// The ids.
    pub async fn find(&self, db: &impl Executor) -> Result<Vec<i64>, Error> {
        let Sql { text, values } = self.ids();
        let text = format!("SELECT pg_catalog.to_jsonb(ARRAY({text})) AS result");
        let ids = ask(db, &Sql { text, values }).await?.unwrap_or_default();
        serde_json::from_value(ids).map_err(unexpected_answer)
    }

    /// Whether there are none.
    pub async fn is_empty(&self, db: &impl Executor) -> Result<bool, Error> {
        let Sql { text, values } = self.ids();
        let text = format!("SELECT pg_catalog.to_jsonb(EXISTS ({text})) AS result");
        Ok(ask(db, &Sql { text, values }).await? != Some(Json::Bool(true)))
    }
}

/// A query for the ids in a bound JSON array. A subquery is hashed, an array would be searched for each row.
fn ids_of(bound: &str) -> String {
    format!(
        "SELECT i.id::bigint FROM pg_catalog.jsonb_array_elements_text({bound}::pg_catalog.text::pg_catalog.jsonb) AS i (id)"
    )
}

fn microseconds(age: Duration) -> i64 {
    i64::try_from(age.as_micros().min(OLDEST)).unwrap_or(i64::MAX)
}
