//! The archivals that one call restores.

use sea_orm::Value;
use serde_json::Value as Json;

use super::next::{Next, must_resolve_first, next};
use super::resolve;
use super::target::{call_many, moved_back};
use super::wanted::Wanted;
use crate::error::{ConflictError, Error, unexpected_answer};
use crate::exec::{Executor, Sql, ask, back_off, begin, finish};
use crate::planned::PlannedRestore;
use crate::report::{ArchivalConflicts, RestoreManyPreview, RestoredMany};
use sea_orm_archive_postgres::emit::Roots;

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
    /// Only so many, the newest first, and only those with a smaller id.
    pub page: Option<Page>,
}

/// A part of the archivals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub below: Option<i64>,
    pub most: u64,
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
        if let Some(Page { below, most }) = self.page {
            if let Some(below) = below {
                let below = sql.bind(below);
                query = format!("{query} AND {id} OPERATOR(pg_catalog.<) {below}");
            }
            // A constant, so that the planner knows how few rows are needed.
            query = format!("{query} ORDER BY {id} DESC LIMIT {most}");
        }
        (query, sql)
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
        if must_resolve_first(db, planned) {
            return Ok(None);
        }
        let mut attempt = 1;
        loop {
            let (find, sql) = self.ids();
            let call = call_many(planned, &planned.many, &find, sql, self.by.clone());
            match next(db, planned, ask(db, &call).await, attempt) {
                Next::Done(answer) => return Ok(Some(moved_back(answer)?.into())),
                Next::Nothing => return Ok(Some(RestoredMany::default())),
                Next::Again => back_off(attempt).await,
                Next::Resolve | Next::OtherPlan => return Ok(None),
                Next::Failed(error) => return Err(error),
            }
            attempt += 1;
        }
    }

    /// Restores them step by step.
    pub async fn resolve<C>(&self, db: &C) -> Result<RestoredMany, Error>
    where
        C: Executor,
    {
        let mut restored = RestoredMany::default();
        match self.by_tenant(db).await?.as_slice() {
            [] => {}
            [archivals] => restored = self.resolve_these(db, archivals.clone()).await?,
            // A restore never crosses tenants, so each has a statement of its own, in one transaction.
            tenants => {
                let transaction = begin(db).await?;
                let mut outcome = Ok(());
                for archivals in tenants {
                    match self.resolve_these(&transaction, archivals.clone()).await {
                        Ok(others) => restored.add(others),
                        Err(error) => {
                            outcome = Err(error);
                            break;
                        }
                    }
                }
                finish(transaction, outcome).await?;
            }
        }
        Ok(restored)
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
                    wanted
                        .archivals
                        .retain(|id| !archivals.iter().any(|found| found.archival == Some(*id)));
                    skipped.extend(archivals);
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
        for archivals in self.by_tenant(db).await? {
            let mut wanted = self.wanted(archivals);
            let mut skipped = Vec::new();
            while !wanted.archivals.is_empty() {
                let preview = match resolve::preview(db, &wanted).await {
                    Err(Error::NotFound(_)) => break,
                    preview => RestoreManyPreview::from(preview?),
                };
                let named = preview.conflicts.iter().filter_map(|found| found.archival);
                let named: Vec<i64> = named.collect();
                if !self.skip_conflicts || named.is_empty() {
                    all.add(preview);
                    break;
                }
                wanted.archivals.retain(|id| !named.contains(id));
                skipped.extend(preview.conflicts);
            }
            all.conflicts.extend(skipped);
        }
        Ok(all)
    }

    fn wanted(&self, archivals: Vec<i64>) -> Wanted {
        Wanted {
            archivals,
            which: Roots::Many,
            by: self.by.clone(),
        }
    }

    /// The ids, those of each tenant together.
    async fn by_tenant<C>(&self, db: &C) -> Result<Vec<Vec<i64>>, Error>
    where
        C: Executor,
    {
        let (find, sql) = self.ids();
        let text = format!(
            "SELECT pg_catalog.jsonb_agg(g.ids) AS result FROM (SELECT pg_catalog.jsonb_agg(a.id ORDER BY a.id) AS ids \
             FROM archive.archival AS a WHERE a.id OPERATOR(pg_catalog.=) ANY (ARRAY({find})) GROUP BY a.tenant) AS g"
        );
        let found = ask(db, &Sql { text, ..sql }).await?;
        let found = found.filter(|found| !found.is_null());
        let found = found.unwrap_or_else(|| Json::Array(Vec::new()));
        serde_json::from_value(found).map_err(unexpected_answer)
    }
}
