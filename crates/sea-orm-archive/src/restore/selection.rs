//! The archivals that one call restores.

use sea_orm::Value;
use serde_json::Value as Json;

use super::next::{Next, must_resolve_first, next};
use super::policies::Policies;
use super::resolve;
use super::target::{call_many, moved_back};
use super::wanted::Wanted;
use crate::error::{ConflictError, Error, unexpected_answer};
use crate::exec::{Attempts, Executor, Sql, ask, begin, finish};
use crate::planned::PlannedRestore;
use crate::report::{ArchivalConflicts, Conflict, RestoreManyPreview, RestoredMany};

/// Which archivals to restore, and how.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// The FROM of a query whose archival record is `a`, and its bound values.
    pub from: String,
    pub values: Vec<Value>,
    /// The column of that query with the id of the archival, by which an index may return it in order.
    pub id: String,
    pub by: Option<String>,
    pub skip_conflicts: bool,
    pub policies: Policies,
    /// Only so many, the newest first, without these.
    pub page: Option<Page>,
}

/// A part of the archivals.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub most: u64,
    pub without: Vec<i64>,
}

impl Selection {
    /// The query for the ids, without a lock.
    fn ids(&self) -> (String, Sql) {
        let mut sql = Sql {
            text: String::new(),
            values: self.values.clone(),
        };
        let Self { from, id, .. } = self;
        let mut query =
            format!("SELECT {id} FROM {from} WHERE a.restored_at IS NULL AND a.purged_at IS NULL");
        if let Some(Page { most, without }) = &self.page {
            if !without.is_empty() {
                let without = sql.bind(without.clone());
                query = format!("{query} AND {id} OPERATOR(pg_catalog.<>) ALL ({without})");
            }
            // A constant, so that the planner knows how few rows are needed.
            query = format!("{query} ORDER BY {id} DESC LIMIT {most}");
        }
        (query, sql)
    }

    /// The ids.
    pub async fn find<C>(&self, db: &C) -> Result<Vec<i64>, Error>
    where
        C: Executor,
    {
        let (find, sql) = self.ids();
        let text = format!("SELECT pg_catalog.to_jsonb(ARRAY({find})) AS result");
        let ids = ask(db, &Sql { text, ..sql }).await?.unwrap_or_default();
        serde_json::from_value(ids).map_err(unexpected_answer)
    }

    /// Whether there are none.
    pub async fn is_empty<C>(&self, db: &C) -> Result<bool, Error>
    where
        C: Executor,
    {
        let (find, sql) = self.ids();
        let text = format!("SELECT pg_catalog.to_jsonb(EXISTS ({find})) AS result");
        Ok(ask(db, &Sql { text, ..sql }).await? != Some(Json::Bool(true)))
    }

    /// Restores them with this plan, in one statement. `None` where that needs more than one.
    ///
    /// # Errors
    ///
    /// Also those of a stale plan.
    pub async fn restore_planned<C>(
        &self,
        db: &C,
        planned: &PlannedRestore,
    ) -> Result<Option<RestoredMany>, Error>
    where
        C: Executor,
    {
        // Where triggers act, the check looks for rows whose parents are in another of the archivals.
        let plain = self.policies.is_plain() && planned.plan.acting().is_empty();
        if must_resolve_first(db, planned) || !plain {
            return Ok(None);
        }
        let mut attempts = Attempts::of(db);
        loop {
            let (find, sql) = self.ids();
            let call = call_many(planned, &planned.many, &find, sql, self.by.clone());
            match next(planned, ask(db, &call).await) {
                Next::Done(answer) => return Ok(Some(moved_back(answer)?.into())),
                Next::Nothing => return Ok(Some(RestoredMany::default())),
                Next::Resolve | Next::OtherPlan => return Ok(None),
                Next::Failed(error) => attempts.after(error).await?,
            }
        }
    }

    /// Restores them step by step.
    pub async fn resolve<C>(&self, db: &C) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        let mut attempts = Attempts::of(db);
        loop {
            let tenants = self.by_tenant(db).await?;
            let outcome = match tenants.as_slice() {
                [] => Ok(RestoredMany::default()),
                [archivals] => self.resolve_these(db, archivals.clone()).await,
                tenants => self.resolve_tenants(db, tenants).await,
            };
            match outcome {
                Err(error) => attempts.after(error).await?,
                outcome => return outcome,
            }
        }
    }

    /// A restore never crosses tenants, so each has a statement of its own, in one transaction.
    async fn resolve_tenants<C>(&self, db: &C, tenants: &[Vec<i64>]) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        let transaction = begin(db).await?;
        let mut outcome = Ok(RestoredMany::default());
        for archivals in tenants {
            let others = self.resolve_these(&transaction, archivals.clone()).await;
            match (&mut outcome, others) {
                (Ok(restored), Ok(others)) => restored.add(others),
                (_, Err(error)) => {
                    outcome = Err(error);
                    break;
                }
                (Err(_), _) => break,
            }
        }
        finish(transaction, outcome).await
    }

    async fn resolve_these<C>(&self, db: &C, archivals: Vec<i64>) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        let mut wanted = self.wanted(archivals);
        let mut skipped: Vec<ArchivalConflicts> = Vec::new();
        // The loop ends: there are fewer archivals each time.
        while !wanted.archivals.is_empty() {
            match resolve::restore(db, &wanted, None).await {
                Ok(moved) => {
                    let restored = RestoredMany::from(moved);
                    return Ok(RestoredMany {
                        skipped,
                        ..restored
                    });
                }
                // Race: all of them were restored by others meanwhile.
                Err(Error::NotFound(_)) => break,
                Err(Error::Conflict(ConflictError::RestoreMany { archivals }))
                    if self.skip_conflicts && archivals.iter().all(|a| a.archival.is_some()) =>
                {
                    skipped.extend(left_out(&mut wanted.archivals, archivals));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(RestoredMany {
            skipped,
            ..RestoredMany::default()
        })
    }

    /// What [`resolve`](Self::resolve) would do.
    pub async fn preview<C>(&self, db: &C) -> Result<RestoreManyPreview, Error>
    where
        C: Executor,
    {
        let mut all = RestoreManyPreview::default();
        // One transaction, so that the archivals of a tenant meet the restored rows of another one.
        let transaction = begin(db).await?;
        let mut outcome = Ok(());
        let tenants = self.by_tenant(&transaction).await?;
        let several = tenants.len() > 1;
        for archivals in tenants {
            match self.preview_these(&transaction, archivals.clone()).await {
                Ok(preview) => all.add(preview),
                Err(error) => outcome = Err(error),
            }
            if several && outcome.is_ok() {
                // A conflict has been reported above.
                self.resolve_these(&transaction, archivals).await.ok();
            }
        }
        transaction.rollback().await?;
        outcome.map(|()| all)
    }

    async fn preview_these<C>(
        &self,
        db: &C,
        archivals: Vec<i64>,
    ) -> Result<RestoreManyPreview, Error>
    where
        C: Executor,
    {
        let mut wanted = self.wanted(archivals);
        let mut skipped = Vec::new();
        let mut all = RestoreManyPreview::default();
        while !wanted.archivals.is_empty() {
            let preview = match resolve::preview(db, &wanted).await {
                Err(Error::NotFound(_)) => break,
                preview => RestoreManyPreview::from(preview?),
            };
            let named = preview
                .conflicts
                .iter()
                .all(|found| found.archival.is_some());
            if !self.skip_conflicts || preview.conflicts.is_empty() || !named {
                all.add(preview);
                break;
            }
            skipped.extend(left_out(&mut wanted.archivals, preview.conflicts));
        }
        all.conflicts.extend(skipped);
        Ok(all)
    }

    fn wanted(&self, archivals: Vec<i64>) -> Wanted {
        Wanted::many(archivals, self.by.clone()).with(&self.policies)
    }

    /// The ids, those of each tenant together. The tenant of the newest archival comes first: its parents may be in an archival from
    /// before tenancy.
    async fn by_tenant<C>(&self, db: &C) -> Result<Vec<Vec<i64>>, Error>
    where
        C: Executor,
    {
        let (find, sql) = self.ids();
        let text = format!(
            "SELECT pg_catalog.jsonb_agg(g.ids) AS result FROM (SELECT pg_catalog.jsonb_agg(a.id ORDER BY a.id) AS ids \
             FROM archive.archival AS a WHERE a.id OPERATOR(pg_catalog.=) ANY (ARRAY({find})) GROUP BY a.tenant ORDER BY pg_catalog.max(a.id) DESC) AS g"
        );
        let found = ask(db, &Sql { text, ..sql }).await?;
        let found = found.filter(|found| !found.is_null());
        let found = found.unwrap_or_else(|| Json::Array(Vec::new()));
        serde_json::from_value(found).map_err(unexpected_answer)
    }
}

/// Takes the archivals out that cannot be restored, and returns them: not yet those whose only conflict is with a later one that is
/// taken out too. The last of those with conflicts always is.
fn left_out(archivals: &mut Vec<i64>, found: Vec<ArchivalConflicts>) -> Vec<ArchivalConflicts> {
    let named: Vec<i64> = found.iter().filter_map(|found| found.archival).collect();
    let waits = |conflict: &Conflict| matches!(conflict, Conflict::Unique { archival: Some(other), .. } if named.contains(other));
    let last = named.iter().max().copied();
    let out: Vec<_> = found
        .into_iter()
        .filter(|found| found.archival == last || !found.conflicts.iter().all(waits))
        .collect();
    archivals.retain(|id| !out.iter().any(|found| found.archival == Some(*id)));
    out
}
