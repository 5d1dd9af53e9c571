//! Neighbours that say the same become one version.

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

/// Makes one version of neighbours with equal values. Made by
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

    /// Makes one version of each run of versions that meet and have equal values; what was true at
    /// any time stays as it is.
    ///
    /// Returns the versions that others were merged into, in order. The first of a run stays, and the
    /// others are deleted; with transaction time all of them are kept, as superseded.
    ///
    /// # Errors
    ///
    /// [`ConflictError::DependentRows`] where a foreign key points at versions, [`NotFoundError::Identity`],
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

/// A foreign key to a version would take rows along, or refuse, when that version is deleted.
pub(super) fn refuse_followers(plan: &HistoryPlan) -> Result<(), Error> {
    match plan.followers().next() {
        // With transaction time nothing is deleted.
        _ if plan.names.recorded.is_some() => Ok(()),
        None => Ok(()),
        Some(key) => Err(Error::Conflict(ConflictError::DependentRows {
            table: plan.table.id.to_string(),
            constraint: key.name.clone(),
            detail: format!("{key} points at single versions, which would be deleted"),
        })),
    }
}

/// The statement for the versions in a period and those that touch it.
pub(super) fn touching<E: History>(
    plan: &HistoryPlan,
    values: &Values<E>,
    subject: &Subject<'_>,
) -> Sql {
    let statement = Statement::new(plan, values, subject.identity, subject.from, subject.to);
    let (from, to) = (statement.from(), statement.to());
    // From the version that ends where the period starts; the bounds are plain, for the btree.
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

/// Gaps and islands: a version that does not join the one before it begins a run.
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
        "SELECT h.*, {} AS \"archive.says\" FROM period AS p, {} AND {condition}",
        says(plan),
        statement.versions(),
    );
    let marked = format!(
        "SELECT v.*, coalesce(pg_catalog.lag(v.{to}) OVER w = v.{from} \
         AND pg_catalog.lag(v.\"archive.says\") OVER w = v.\"archive.says\", false) AS \"archive.joins\" \
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
    // Race: somebody changes a version of a run by hand, without the lock. The row that they leave is
    // not the one that was seen, and nothing is merged.
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

/// What a version says, as text. Without transaction time it also says who said so, which merging
/// would lose.
fn says(plan: &HistoryPlan) -> String {
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
