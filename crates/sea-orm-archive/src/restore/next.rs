//! Decides what follows an attempt to restore.

use sea_orm_archive_postgres::sqlstate;
use serde_json::Value as Json;

use crate::entity::DeclaredName;
use crate::error::{self, Error, of_trigger};
use crate::exec::Executor;
use crate::planned::PlannedRestore;
use crate::report::Restored;

/// What follows an attempt.
pub(super) enum Next {
    Done(Json),
    Nothing,
    /// A constraint was violated: resolve the restore step by step.
    Resolve,
    /// The archival has rows of other tables than the plan restores.
    OtherPlan,
    Failed(Error),
}

pub(super) fn next(planned: &PlannedRestore, answer: Result<Option<Json>, Error>) -> Next {
    match answer.map_err(|error| of_trigger(&planned.plan, error)) {
        Ok(Some(answer)) if !answer.is_null() => Next::Done(answer),
        Ok(_) => Next::Nothing,
        Err(error) => match error::code(&error) {
            Some(sqlstate::OTHER_PLAN) => Next::OtherPlan,
            Some(sqlstate::OTHER_LOCK_VERSION) => Next::Nothing,
            Some(code) if sqlstate::is_conflict(code) => Next::Resolve,
            _ => Next::Failed(error),
        },
    }
}

/// Whether a constraint of the tables is deferrable. It would be checked at the commit of the caller's
/// transaction, where the conflicts can no longer be reported.
pub(super) fn must_resolve_first(db: &impl Executor, planned: &PlannedRestore) -> bool {
    let deferrable = |moved: &sea_orm_archive_postgres::model::Moved| {
        moved.table.defers_uniqueness || moved.table.outgoing.iter().any(|key| key.deferrable)
    };
    !db.is_pool() && planned.plan.tables.iter().any(deferrable)
}

pub(super) fn span(table: &DeclaredName) -> tracing::Span {
    tracing::info_span!(
        "restore",
        table = table.table,
        archival = tracing::field::Empty,
        rows = tracing::field::Empty,
        waiting = tracing::field::Empty,
    )
}

pub(super) fn record(span: &tracing::Span, restored: &Restored) {
    span.record("archival", restored.archival.id);
    span.record("rows", restored.rows.values().sum::<u64>());
    span.record(
        "waiting",
        restored.waiting.iter().map(|w| w.rows).sum::<u64>(),
    );
    span.in_scope(|| tracing::debug!("restored"));
}
