//! Runs an archive, and retries it while that can help.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;
use tracing::Instrument;

use super::explain::{actor_type, duplicate_key, hidden_child, is_blocked, refused_cut, too_many};
use super::request::Request;
use crate::archival::{self, Model as Archival};
use crate::entity::Archivable;
use crate::error::{self, ConflictError, Error, Triggers, of_archive, unexpected_answer};
use crate::exec::{Attempts, Executor, ask, ask_here, begin, check_backend};
use crate::planned::{ArchiveSteps, Planned, planned, replanned};
use crate::report::{ArchivePreview, ArchivedKeys, Blocker};

/// How often the rows that block an archive are searched for, before the cause is assumed to be rows that row-level
/// security hides.
const BLOCKER_CHECKS: u32 = 3;

/// Runs the request, without hooks, until it succeeds or fails with an error that a retry cannot resolve.
pub(super) async fn execute_plain<E, C>(
    db: &C,
    request: &Request<E>,
    steps: fn(&Planned) -> &ArchiveSteps,
) -> Result<Vec<Archival>, Error>
where
    E: Archivable,
    C: Executor,
{
    let span = tracing::info_span!(
        "archive",
        table = E::default().table_name(),
        archivals = tracing::field::Empty,
        first_archival = tracing::field::Empty,
        rows = tracing::field::Empty,
    );
    let work = async {
        let mut plan = planned::<E>(db).await?;
        let mut attempts = Attempts::of(db);
        loop {
            let error = match ask(db, &request.call(&plan.plan, steps(&plan), true)).await {
                Ok(answer) => return archivals(answer),
                Err(error) if !attempts.remain() => return Err(error),
                Err(error) => of_archive(&plan.plan, &plan.restore.plan, error),
            };
            if attempts.allow(&error) {
                attempts.wait().await;
            } else if let Some(new) = replanned::<E>(db, &plan, &error).await? {
                attempts.next();
                plan = new;
            } else if let Some(refused) = refused_cut(&plan, &error) {
                let table = plan.plan.root().table.id.to_string();
                let preview = counted(db, request, &mut plan).await?;
                let blockers = vec![blocker_of_cut(refused, preview.unwrap_or_default())];
                return Err(Error::Conflict(ConflictError::Blocked { table, blockers }));
            } else if is_blocked(&error) {
                refuse_blocked(db, request, &plan, &error, &attempts).await?;
                // Race: the rows that blocked have been deleted or moved since.
                attempts.wait().await;
            } else {
                return Err(explained(db, request, &plan, error).await);
            }
        }
    };
    let archived = work.instrument(span.clone()).await?;
    record(&span, &archived);
    Ok(archived)
}

/// Names the rows that block an archive, unless none does any longer.
async fn refuse_blocked<E: Archivable, C: Executor>(
    db: &C,
    request: &Request<E>,
    plan: &Planned,
    error: &Error,
    attempts: &Attempts,
) -> Result<(), Error> {
    let table = plan.plan.root().table.id.to_string();
    if let Some(dependent) = error::refused_by_trigger(&table, error) {
        return Err(dependent);
    }
    let blockers = blockers::<E, C>(db, request).await?;
    if !blockers.is_empty() {
        return Err(Error::Conflict(ConflictError::Blocked { table, blockers }));
    }
    match hidden_child(plan, error) {
        Some(hidden) if !attempts.remain_of(BLOCKER_CHECKS) => Err(hidden),
        _ => Ok(()),
    }
}

/// The error of an archive with what the tables say about it.
async fn explained<E: Archivable, C: Executor>(
    db: &C,
    request: &Request<E>,
    plan: &Planned,
    error: Error,
) -> Error {
    let mut error = duplicate_key(plan, too_many(plan, actor_type(plan, error)));
    if let Error::Conflict(ConflictError::DuplicateKey { archivals, .. }) = &mut error {
        // A role that archives need not have the right to read the archive tables.
        let keys = archived_keys(db, request, plan).await.unwrap_or_default();
        *archivals = all_archivals(&keys);
    }
    error
}

fn record(span: &tracing::Span, archived: &[Archival]) {
    let rows: u64 = archived.iter().flat_map(|a| a.rows().into_values()).sum();
    span.record("archivals", archived.len());
    span.record("rows", rows);
    if let Some(first) = archived.first() {
        span.record("first_archival", first.id);
    }
    span.in_scope(|| tracing::debug!("archived"));
}

pub(super) fn archivals(answer: Option<Json>) -> Result<Vec<Archival>, Error> {
    match answer {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(records)) => {
            let records = records.into_iter().map(archival::from_answer);
            let mut archivals = records.collect::<Result<Vec<_>, _>>()?;
            archivals.sort_by_key(|archival| archival.id);
            Ok(archivals)
        }
        Some(other) => Err(unexpected_answer(format!("not a list of records: {other}"))),
    }
}

pub(super) async fn preview<E, C>(
    db: &C,
    request: &Request<E>,
    steps: fn(&Planned) -> &ArchiveSteps,
) -> Result<Option<ArchivePreview>, Error>
where
    E: Archivable,
    C: Executor,
{
    check_backend(db)?;
    let mut plan = planned::<E>(db).await?;
    let mut counted = counted(db, request, &mut plan).await?;
    if let Some(preview) = &mut counted {
        preview.archived_keys = archived_keys(db, request, &plan).await?;
    }
    let is_movable = |preview: &&mut ArchivePreview| {
        preview.roots > 0 && preview.blockers.is_empty() && preview.archived_keys.is_empty()
    };
    let must_try = plan.one.proof.is_some()
        || !plan.plan.triggers().is_empty()
        || plan.plan.detached.iter().any(|child| child.is_constrained);
    if must_try && let Some(preview) = counted.as_mut().filter(is_movable) {
        // Only the move itself finds out what triggers and constraints do.
        let transaction = begin(db).await?;
        let tried = ask_here(&transaction, &request.call(&plan.plan, steps(&plan), true)).await;
        transaction.rollback().await?;
        if let Err(error) = tried {
            let error = of_archive(&plan.plan, &plan.restore.plan, error);
            match refused_cut(&plan, &error) {
                Some(refused) => {
                    let blocker = blocker_of_cut(refused, preview.clone());
                    preview.blockers.push(blocker);
                }
                None => return Err(duplicate_key(&plan, too_many(&plan, error))),
            }
        }
    }
    Ok(counted)
}

/// The rows that a constraint refuses without their link.
fn blocker_of_cut((table, constraint): (String, String), preview: ArchivePreview) -> Blocker {
    let detached = preview.detached.iter().filter(|d| d.table == table);
    Blocker {
        rows: detached.map(|d| d.rows).sum(),
        table,
        constraint,
    }
}

/// The preview without a try of the move.
pub(super) async fn counted<E, C>(
    db: &C,
    request: &Request<E>,
    plan: &mut Arc<Planned>,
) -> Result<Option<ArchivePreview>, Error>
where
    E: Archivable,
    C: Executor,
{
    let answer = loop {
        match ask(db, &request.call(&plan.plan, &plan.preview, false)).await {
            Ok(answer) => break answer,
            Err(error) => match replanned::<E>(db, plan, &error).await? {
                Some(new) => *plan = new,
                None => return Err(error),
            },
        }
    };
    let Some(answer) = answer.filter(|answer| !answer.is_null()) else {
        return Ok(None);
    };
    let mut preview: ArchivePreview = serde_json::from_value(answer).map_err(unexpected_answer)?;
    preview.blockers.retain(|blocker| blocker.rows > 0);
    preview.detached.retain(|detachment| detachment.rows > 0);
    Ok(Some(preview))
}

/// The rows that have the key of an archived row.
async fn archived_keys<E, C>(
    db: &C,
    request: &Request<E>,
    plan: &Planned,
) -> Result<Vec<ArchivedKeys>, Error>
where
    E: Archivable,
    C: Executor,
{
    let answer = ask(db, &request.call(&plan.plan, &plan.archived_keys, false)).await?;
    let answer = answer.filter(|answer| !answer.is_null());
    let answer = answer.unwrap_or_else(|| Json::Array(Vec::new()));
    let mut keys: Vec<ArchivedKeys> = serde_json::from_value(answer).map_err(unexpected_answer)?;
    keys.retain(|keys| keys.rows > 0);
    Ok(keys)
}

fn all_archivals(keys: &[ArchivedKeys]) -> Vec<i64> {
    let archivals = keys.iter().flat_map(|keys| &keys.archivals).copied();
    archivals.collect::<BTreeSet<_>>().into_iter().collect()
}

async fn blockers<E, C>(db: &C, request: &Request<E>) -> Result<Vec<Blocker>, Error>
where
    E: Archivable,
    C: Executor,
{
    let mut plan = planned::<E>(db).await?;
    Ok(counted(db, request, &mut plan)
        .await?
        .unwrap_or_default()
        .blockers)
}
