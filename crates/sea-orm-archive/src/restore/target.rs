//! The archival to restore, and the result of its restore.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::Value;
use sea_orm::sea_query::PostgresQueryBuilder;
use sea_orm_archive_postgres::catalog::KeyColumn;
use sea_orm_archive_postgres::emit::restore::is_planned;
use sea_orm_archive_postgres::emit::{Roots, resolved};
use sea_orm_archive_postgres::ident::{key_object, quote};
use sea_orm_archive_postgres::sqlstate::{self, TOO_MANY_ROOTS};
use serde_json::Value as Json;

use crate::archival;
use crate::entity::Archivable;
use crate::error::{Error, NotFoundError, unexpected_answer};
use crate::exec::{Executor, Sql, ask};
use crate::optimistic_lock::AtLockVersion;
use crate::plan;
use crate::planned::{Planned, PlannedRestore, RESTORES, Steps};
use crate::report::{LostLink, Restored, RestoredMany, RowChange, Stayed, Waiting, missing};
use crate::row::{is_root_row, select_row};

/// The archival to restore.
pub(crate) struct Target {
    /// A query for the archival's id.
    find: String,
    /// The root, if it must have a certain lock version. It is locked after the archival, so that no other
    /// transaction changes it before it moves.
    root: Option<RootAtLockVersion>,
    values: Vec<Value>,
    by: Option<String>,
}

/// A query for a row of an archive table if it has a certain lock version, with the values of the [`Target`].
struct RootAtLockVersion {
    row: String,
    archival_id: String,
}

impl Target {
    /// The archival with this id, unless it was restored.
    pub fn archival(id: i64, by: Option<String>) -> Self {
        Self {
            find:
                "SELECT a.id FROM archive.archival AS a WHERE a.id = $1 AND a.restored_at IS NULL AND a.purged_at IS NULL"
                    .to_owned(),
            root: None,
            values: vec![id.into()],
            by,
        }
    }

    /// The archival whose root is this row.
    pub(super) fn root<E: Archivable>(
        key_columns: &[KeyColumn],
        key: &[Value],
        lock_version: Option<&AtLockVersion>,
        by: Option<String>,
    ) -> Self {
        let mut row = select_row::<E::Deleted>(key);
        if let Some(lock_version) = lock_version {
            row.and_where(lock_version.matches::<E::Deleted>());
        }
        let (row, values) = row.build(PostgresQueryBuilder);
        Self {
            find: format!(
                "SELECT a.id FROM ({row}) AS d JOIN archive.archival AS a ON a.id = d.{} \
                 WHERE a.restored_at IS NULL AND a.purged_at IS NULL AND {}",
                quote(&E::declaration().added.archival_id),
                is_root_row::<E>("a", "d", &key_object(key_columns, "d")),
            ),
            root: lock_version.map(|_| RootAtLockVersion {
                row,
                archival_id: quote(&E::declaration().added.archival_id),
            }),
            values: values.0,
            by,
        }
    }

    /// The call of `archive.run`. `archive.begin_restore` locks the archival record in this statement and marks it as
    /// restored.
    ///
    /// Race: two restores of one archival. The second waits here, and then finds nothing to restore.
    ///
    /// The argument of `begin_restore` is one value. In a join the server could call it for archivals that do
    /// not satisfy the other conditions, and they would be marked too.
    pub fn call(&self, planned: &PlannedRestore) -> Sql {
        let mut sql = Sql {
            text: String::new(),
            values: self.values.clone(),
        };
        let by = sql.bind(self.by.clone());
        // The archival is marked at this point. Where the root is not found, the error rolls the mark back.
        let (root, at_lock_version) = match &self.root {
            Some(RootAtLockVersion { row, archival_id }) => (
                format!(
                    " LEFT JOIN LATERAL (SELECT true AS found FROM ({row}) AS d \
                     WHERE d.{archival_id} OPERATOR(pg_catalog.=) (c.claim OPERATOR(pg_catalog.->>) 'id')::bigint FOR UPDATE) AS r ON true"
                ),
                format!(
                    " AND CASE WHEN r.found THEN true ELSE archive.stop('{}', 'the root has another lock version') END",
                    sqlstate::OTHER_LOCK_VERSION
                ),
            ),
            None => Default::default(),
        };
        let args = format!(
            "SELECT c.claim OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('by', {by}::pg_catalog.text) \
             FROM (SELECT archive.begin_restore(({}), coalesce({by}::pg_catalog.text, archive.current_actor())) AS claim) AS c{root} \
             WHERE c.claim IS NOT NULL AND {} AND {}{at_lock_version}",
            self.find,
            is_planned(&planned.plan, "c.claim", Roots::One),
            resolved(&planned.plan.freshness),
        );
        planned.one.call(&mut sql, &args);
        sql
    }

    /// The statement that locks the root if it has the lock version, for a transaction that has locked the archival.
    pub(super) fn lock_root(&self) -> Option<Sql> {
        let RootAtLockVersion { row, .. } = self.root.as_ref()?;
        Some(Sql {
            text: format!(
                "SELECT pg_catalog.to_jsonb(true) AS result FROM ({row} FOR UPDATE) AS d"
            ),
            values: self.values.clone(),
        })
    }

    /// The id of the archival, without a lock.
    pub(super) async fn id<C>(&self, db: &C) -> Result<Option<i64>, Error>
    where
        C: Executor,
    {
        let text = format!(
            "SELECT pg_catalog.to_jsonb(k.id) AS result FROM ({}) AS k",
            self.find
        );
        let found = ask(
            db,
            &Sql {
                text,
                values: self.values.clone(),
            },
        )
        .await?;
        Ok(found.and_then(|id| id.as_i64()))
    }
}

/// The archival of an archived row, and its key as the archive's statements write it, without a lock.
pub(super) async fn part_of<E: Archivable, C: Executor>(
    db: &C,
    plan: &Planned,
    key: &[Value],
    lock_version: Option<&AtLockVersion>,
) -> Result<Option<(i64, Json)>, Error> {
    let mut row = select_row::<E::Deleted>(key);
    if let Some(lock_version) = lock_version {
        row.and_where(lock_version.matches::<E::Deleted>());
    }
    let (row, values) = row.build(PostgresQueryBuilder);
    let text = format!(
        "SELECT pg_catalog.jsonb_build_array(a.id, {}) AS result FROM ({row}) AS d JOIN archive.archival AS a ON a.id = d.{} \
         WHERE a.restored_at IS NULL AND a.purged_at IS NULL",
        key_object(&plan.plan.root().table.key, "d"),
        quote(&E::declaration().added.archival_id),
    );
    let values = values.0;
    match ask(db, &Sql { text, values }).await? {
        Some(found) => serde_json::from_value(found)
            .map(Some)
            .map_err(unexpected_answer),
        None => Ok(None),
    }
}

/// The call of `archive.run` that restores the archivals which the query `find` returns. `archive.claim_archivals` locks their
/// records in this statement; they are marked after their rows have moved.
///
/// Race: two restores with common archivals. The second waits here, and then finds the others.
pub(crate) fn call_many(
    planned: &PlannedRestore,
    steps: &Steps,
    find: &str,
    mut sql: Sql,
    by: Option<String>,
) -> Sql {
    let by = sql.bind(by);
    let ids = "c.claim OPERATOR(pg_catalog.->) 'ids'";
    let args = format!(
        "SELECT c.claim OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('by', {by}::pg_catalog.text) \
         FROM (SELECT archive.claim_archivals(ARRAY({find})) AS claim) AS c \
         WHERE c.claim IS NOT NULL AND {} AND {} AND CASE WHEN pg_catalog.jsonb_array_length({ids}) OPERATOR(pg_catalog.<=) {MOST_ARCHIVALS} \
         THEN true ELSE archive.stop('{TOO_MANY_ROOTS}', pg_catalog.jsonb_array_length({ids})::pg_catalog.text) END",
        is_planned(&planned.plan, "c.claim", Roots::Many),
        resolved(&planned.plan.freshness),
    );
    steps.call(&mut sql, &args);
    sql
}

/// The most archivals of one call, whose answer contains a record of each.
const MOST_ARCHIVALS: usize = 200_000;

/// What one statement restored.
#[derive(serde::Deserialize)]
pub(crate) struct MovedBack {
    pub rows: BTreeMap<String, u64>,
    pub relinked: u64,
    pub not_relinked: Vec<LostLink>,
    #[serde(skip)]
    pub archivals: Vec<archival::Model>,
    /// The one that was asked for.
    #[serde(skip)]
    pub asked: i64,
    #[serde(skip)]
    pub waiting: Vec<Waiting>,
    #[serde(skip)]
    pub changes: Vec<RowChange>,
    #[serde(skip)]
    pub stayed: Vec<Stayed>,
}

/// The result of a call of `archive.run`, for one archival or for many.
pub(crate) fn moved_back(mut answer: Json) -> Result<MovedBack, Error> {
    let records = match answer["archivals"].take() {
        Json::Array(records) => records,
        _ => vec![answer["archival"].take()],
    };
    let records = records.into_iter().map(archival::from_answer);
    let archivals = records.collect::<Result<Vec<_>, _>>()?;
    let moved: MovedBack = serde_json::from_value(answer).map_err(unexpected_answer)?;
    Ok(MovedBack {
        asked: archivals.first().map_or(0, |archival| archival.id),
        archivals,
        ..moved
    })
}

impl MovedBack {
    /// The result for one archival; the others are those that were restored together with it.
    pub fn one(mut self) -> Result<Restored, Error> {
        let archival = self.asked;
        let missing = missing(&self.archivals, &self.rows, &self.waiting, &self.stayed);
        let found = self.archivals.iter().position(|found| found.id == archival);
        let found = found.ok_or(Error::NotFound(NotFoundError::Archival { archival }))?;
        Ok(Restored {
            archival: self.archivals.remove(found),
            together: self.archivals,
            rows: self.rows,
            relinked: self.relinked,
            not_relinked: self.not_relinked,
            waiting: self.waiting,
            missing,
            changes: self.changes,
            stayed: self.stayed,
            parents: Vec::new(),
        })
    }
}

impl From<MovedBack> for RestoredMany {
    fn from(moved: MovedBack) -> Self {
        Self {
            missing: missing(&moved.archivals, &moved.rows, &moved.waiting, &moved.stayed),
            archivals: moved.archivals,
            rows: moved.rows,
            relinked: moved.relinked,
            not_relinked: moved.not_relinked,
            waiting: moved.waiting,
            skipped: Vec::new(),
            changes: moved.changes,
            stayed: moved.stayed,
        }
    }
}

/// The result of a call of `archive.run` for one archival.
pub(crate) fn restored(answer: Json) -> Result<Restored, Error> {
    moved_back(answer)?.one()
}

/// Caches a plan that was built from an archival record, for other archivals of the same tables.
pub(crate) fn cache(planned: &Arc<PlannedRestore>) {
    plan::cache(RESTORES, planned);
}
