//! The archival that a restore is for, and its answer.

use std::sync::Arc;

use sea_orm::Value;
use sea_orm::sea_query::PostgresQueryBuilder;
use sea_orm_archive_postgres::catalog::KeyColumn;
use sea_orm_archive_postgres::emit::resolved;
use sea_orm_archive_postgres::emit::restore::is_planned;
use sea_orm_archive_postgres::ident::{key_object, quote};
use sea_orm_archive_postgres::sqlstate;
use serde_json::Value as Json;

use crate::archival;
use crate::entity::Archivable;
use crate::error::{Error, unexpected_answer};
use crate::exec::{Executor, Sql, ask};
use crate::lock::AtLockVersion;
use crate::plan;
use crate::planned::{PlannedRestore, RESTORES};
use crate::report::Restored;
use crate::row::{is_root_table, select_row};

/// The archival that is wanted: a query for `a.id`, to be locked or only read.
pub(crate) struct Target {
    find: String,
    /// The root at the version that is wanted, to be locked after the archival: nobody changes it
    /// before it moves.
    at_version: Option<AtLockVersionRow>,
    values: Vec<Value>,
    by: Option<String>,
}

/// A query for a row of an archive table if it has a certain version, with the values of the [`Target`].
struct AtLockVersionRow {
    row: String,
    archival_id: String,
}

impl Target {
    /// The archival with this id, unless it was restored.
    pub fn archival(id: i64, by: Option<String>) -> Self {
        Self {
            find:
                "SELECT a.id FROM archive.archival AS a WHERE a.id = $1 AND a.restored_at IS NULL"
                    .to_owned(),
            at_version: None,
            values: vec![id.into()],
            by,
        }
    }

    /// The archival whose root is this row.
    pub(super) fn root<E: Archivable>(
        key_columns: &[KeyColumn],
        key: &[Value],
        version: Option<&AtLockVersion>,
        by: Option<String>,
    ) -> Self {
        let mut row = select_row::<E::Deleted>(key);
        if let Some(version) = version {
            row.and_where(version.holds::<E::Deleted>());
        }
        let (row, values) = row.build(PostgresQueryBuilder);
        Self {
            find: format!(
                "SELECT a.id FROM ({row}) AS d JOIN archive.archival AS a ON a.id = d.{} \
                 WHERE a.restored_at IS NULL AND {} AND a.root_key = {}",
                quote(&E::declaration().added.archival_id),
                is_root_table::<E>("a"),
                key_object(key_columns, "d"),
            ),
            at_version: version.map(|_| AtLockVersionRow {
                row,
                archival_id: quote(&E::declaration().added.archival_id),
            }),
            values: values.0,
            by,
        }
    }

    /// The call of `archive.run`. `archive.begin_restore` locks the archival record in this very statement: of two
    /// restores the second waits here, and then finds nothing to restore. Its argument is one value: in a join the server
    /// could call it for archivals that no other condition has chosen yet, and they would be marked too.
    pub fn call(&self, planned: &PlannedRestore) -> Sql {
        let mut sql = Sql {
            text: String::new(),
            values: self.values.clone(),
        };
        let by = sql.bind(self.by.clone());
        // The archival is marked by now: a root that is not found stops the statement, which takes the mark back.
        let (root, at_version) = match &self.at_version {
            Some(AtLockVersionRow { row, archival_id }) => (
                format!(
                    " LEFT JOIN LATERAL (SELECT true AS found FROM ({row}) AS d \
                     WHERE d.{archival_id} OPERATOR(pg_catalog.=) (c.claim OPERATOR(pg_catalog.->>) 'id')::bigint FOR UPDATE) AS r ON true"
                ),
                format!(
                    " AND CASE WHEN r.found THEN true ELSE archive.stop('{}', 'the root has another version') END",
                    sqlstate::OTHER_VERSION
                ),
            ),
            None => Default::default(),
        };
        let args = format!(
            "SELECT c.claim OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('by', {by}::pg_catalog.text) \
             FROM (SELECT archive.begin_restore(({}), coalesce({by}::pg_catalog.text, archive.current_actor())) AS claim) AS c{root} \
             WHERE c.claim IS NOT NULL AND {} AND {}{at_version}",
            self.find,
            is_planned(&planned.plan, "c.claim"),
            resolved(&planned.plan.basis),
        );
        planned.steps.call(&mut sql, &args);
        sql
    }

    /// The lock of the root at its version, for a transaction that has locked the archival.
    pub(super) fn lock_root(&self) -> Option<Sql> {
        let AtLockVersionRow { row, .. } = self.at_version.as_ref()?;
        Some(Sql {
            text: format!(
                "SELECT pg_catalog.to_jsonb(true) AS result FROM ({row} FOR UPDATE) AS d"
            ),
            values: self.values.clone(),
        })
    }

    /// The archival's id, unlocked.
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

pub(crate) fn restored(mut answer: Json) -> Result<Restored, Error> {
    let archival = archival::from_answer(answer["archival"].take())?;
    answer["archival"] = serde_json::to_value(archival).map_err(unexpected_answer)?;
    serde_json::from_value(answer).map_err(unexpected_answer)
}

/// Keeps a plan made from the archival table for the next archival of the same tables.
pub(crate) fn keep(planned: &Arc<PlannedRestore>) {
    plan::cache(RESTORES, planned);
}
