//! Merges neighbours with equal values into one version.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::Value;
use sea_orm_archive_postgres::ident::{columns, quote, same_key};

use super::entity::History;
use super::pieces::{Answer, Write};
use super::plan::HistoryPlan;
use super::statement::{Instant, Statement};
use super::values::{Values, takes_by};
use super::write::{Step, Subject, write};
use crate::error::{ConflictError, Error};
use crate::exec::{Executor, Sql};

/// Merges neighbours with equal values into one version. Created by
/// [`HistoryEntity::coalesce`](super::HistoryEntity::coalesce).
#[derive(Clone, Debug)]
#[must_use = "nothing is coalesced before `.exec(&db)`"]
pub struct Coalesce<E: History> {
    identity: Vec<Value>,
    values: Values<E>,
}

takes_by!(Coalesce);

impl<E: History> Coalesce<E> {
    pub(super) fn new(identity: Vec<Value>) -> Self {
        Self {
            identity,
            values: Values::default(),
        }
    }

    /// Merges each run of adjacent versions with equal values into one version. The values at any time do not change.
    ///
    /// Returns the versions that others were merged into, in order. The first of a run is extended, and the
    /// others are deleted; with transaction time all of them are retained as superseded.
    ///
    /// # Errors
    ///
    /// [`ConflictError::DependentRows`] where a foreign key refers to single versions, [`NotFoundError::Identity`],
    /// [`DriftError::Schema`], [`RetryError::Contention`]: nothing has changed then.
    ///
    /// [`DriftError::Schema`]: crate::error::DriftError::Schema
    /// [`NotFoundError::Identity`]: crate::error::NotFoundError::Identity
    /// [`RetryError::Contention`]: crate::error::RetryError::Contention
    pub async fn exec<C>(self, db: &C) -> Result<Vec<E::Model>, Error>
    where
        C: Executor,
    {
        let subject = Subject {
            verb: "coalesce",
            identity: &self.identity,
            other: None,
            from: &Instant::Now,
            to: None,
        };
        let (values, identity) = (&self.values, self.identity.as_slice());
        let steps = |plan: &Arc<HistoryPlan>| {
            refuse_followers(plan)?;
            values.check_by(plan)?;
            let plan = Arc::clone(plan);
            let merge = move || {
                let statement = Statement::new(&plan, values, identity, &Instant::Now, None);
                coalesce(&plan, statement, "true")
            };
            Ok(vec![Step {
                statements: vec![Box::new(merge)],
                required: false,
                of: None,
            }])
        };
        let mut written = write::<E, C>(db, &subject, steps).await?;
        Ok(written.pop().unwrap_or_default())
    }
}

/// Refuses a verb that deletes versions where a foreign key refers to single versions: the delete would cascade
/// or fail.
pub(super) fn refuse_followers(plan: &HistoryPlan) -> Result<(), Error> {
    match plan.followers().next() {
        // With transaction time nothing is deleted.
        _ if plan.names.recorded.is_some() => Ok(()),
        None => Ok(()),
        Some(key) => Err(Error::Conflict(ConflictError::DependentRows {
            table: plan.table.id.to_string(),
            constraint: key.name.clone(),
            detail: format!("{key} refers to single versions, which would be deleted"),
        })),
    }
}

/// The statement that merges the versions in a period and those adjacent to it.
pub(super) fn touching<E: History>(
    plan: &HistoryPlan,
    values: &Values<E>,
    subject: &Subject<'_>,
) -> Sql {
    let statement = Statement::new(plan, values, subject.identity, subject.from, subject.to);
    let (from, to) = (statement.from(), statement.to());
    // From the version that ends where the period starts; the bounds are simple comparisons, for the btree.
    let end = match statement.ends {
        true => format!("AND h.{from} <= p.\"to\""),
        false => String::new(),
    };
    let touching = format!(
        "h.{from} >= coalesce({}, p.\"from\") AND (h.{to} IS NULL OR h.{to} >= p.\"from\") {end}",
        statement.start_before()
    );
    coalesce(plan, statement, &touching)
}

/// The statement that merges runs (gaps and islands): a version that does not continue the one before it begins
/// a run.
fn coalesce<E: History>(plan: &HistoryPlan, statement: Statement<'_, E>, condition: &str) -> Sql {
    let (from, to) = (statement.from(), statement.to());
    let known: BTreeSet<_> = plan
        .table
        .key
        .iter()
        .map(|column| column.name.as_str())
        .chain([plan.names.valid_from.as_str(), plan.names.valid_to.as_str()])
        .collect();
    let versions = format!(
        "SELECT h.*, {} AS \"archive.values\" FROM period AS p, {} AND {condition}",
        values_text(plan),
        statement.versions(),
    );
    let marked = format!(
        "SELECT v.*, coalesce(pg_catalog.lag(v.{to}) OVER w = v.{from} \
         AND pg_catalog.lag(v.\"archive.values\") OVER w = v.\"archive.values\", false) AS \"archive.joins\" \
         FROM ({versions}) AS v WINDOW w AS (ORDER BY v.{from})"
    );
    let counted = format!(
        "SELECT m.*, pg_catalog.count(*) FILTER (WHERE NOT m.\"archive.joins\") OVER (ORDER BY m.{from}) AS \"archive.run\" \
         FROM ({marked}) AS m"
    );
    let runs = format!(
        "SELECT {}, NOT n.\"archive.joins\" AS \"archive.leads\", pg_catalog.count(*) OVER r AS \"archive.length\", \
         CASE WHEN pg_catalog.bool_or(n.{to} IS NULL) OVER r THEN NULL ELSE pg_catalog.max(n.{to}) OVER r END AS \"archive.end\" \
         FROM ({counted}) AS n WINDOW r AS (PARTITION BY n.\"archive.run\")",
        columns("n", known),
    );
    // Race: a transaction changes a version of a run with plain SQL, without the lock. Then the row is not the
    // one that was seen, and nothing is merged.
    let source = format!(
        "FROM {} AS h, run AS r WHERE {}",
        plan.table.id.sql(),
        same_key(&plan.table.key, "h", "r"),
    );
    let pieces = vec![format!(
        "SELECT s.{from}, s.\"archive.end\", false, true, true WHERE s.\"archive.leads\""
    )];
    statement.write(&Write {
        before: format!(
            ",\nrun AS MATERIALIZED (SELECT r.* FROM ({runs}) AS r WHERE r.\"archive.length\" > 1)"
        ),
        more: ", r.\"archive.leads\", r.\"archive.end\"",
        ..Write::growing(source, pieces, Answer::Written)
    })
}

/// The values of a version, as text. Without transaction time they include the actor, which merging would lose.
fn values_text(plan: &HistoryPlan) -> String {
    let by = plan
        .names
        .recorded_by
        .iter()
        .filter(|_| plan.names.recorded.is_none());
    let values: Vec<_> = plan
        .values
        .iter()
        .map(|column| &column.name)
        .chain(by)
        .map(|name| format!("h.{}", quote(name)))
        .collect();
    format!(
        "ROW({})::pg_catalog.text COLLATE pg_catalog.\"C\"",
        values.join(", ")
    )
}
