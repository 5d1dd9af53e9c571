//! A restore with policies, and of archived parents before their child.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use sea_orm::DatabaseTransaction;

use super::resolve;
use super::wanted::Wanted;
use crate::error::{ConflictError, Error, NotFoundError};
use crate::exec::{Attempts, Executor, Sql, begin, finish};
use crate::report::{Conflict, RestorePreview, Restored};

/// Restores one archival as its policies say, in one transaction.
pub(super) async fn restore<C>(
    db: &C,
    wanted: &Wanted,
    lock_root: Option<&Sql>,
) -> Result<Restored, Error>
where
    C: Executor,
{
    if !wanted.policies.with_parents {
        return resolve::restore(db, wanted, lock_root).await?.one();
    }
    let mut attempts = Attempts::of(db);
    loop {
        let transaction = begin(db).await?;
        let mut tried = BTreeSet::from([wanted.first()]);
        let outcome = after_parents(&transaction, wanted, lock_root, &mut tried).await;
        match finish(transaction, outcome).await {
            Err(error) => attempts.after(error).await?,
            outcome => return outcome,
        }
    }
}

type Pinned<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Restores the archival, after the parents that are missing. The recursion ends: each archival is tried once.
///
/// Race: a parent is restored by another transaction after it was reported as missing. It is there at the next attempt.
fn after_parents<'a>(
    db: &'a DatabaseTransaction,
    wanted: &'a Wanted,
    lock_root: Option<&'a Sql>,
    tried: &'a mut BTreeSet<i64>,
) -> Pinned<'a, Restored> {
    Box::pin(async move {
        let mut parents = Vec::new();
        loop {
            let error = match resolve::restore(db, wanted, lock_root).await {
                Ok(moved) => {
                    return Ok(Restored {
                        parents,
                        ..moved.one()?
                    });
                }
                Err(error) => error,
            };
            let missing = untried(missing_of_error(&error), tried);
            if missing.is_empty() {
                return Err(error);
            }
            for archival in missing {
                let parent = of_parent(wanted, archival);
                match after_parents(db, &parent, None, tried).await {
                    Err(Error::NotFound(NotFoundError::Archival { .. })) => {}
                    restored => parents.push(restored?),
                }
            }
        }
    })
}

fn of_parent(wanted: &Wanted, archival: i64) -> Wanted {
    Wanted::one(archival, wanted.by.clone()).with(&wanted.policies.of_parent())
}

/// What [`restore`] would do.
pub(super) async fn preview<C>(db: &C, wanted: &Wanted) -> Result<RestorePreview, Error>
where
    C: Executor,
{
    if !wanted.policies.with_parents {
        return Ok(resolve::preview(db, wanted).await?.one());
    }
    let transaction = begin(db).await?;
    let mut tried = BTreeSet::from([wanted.first()]);
    let preview = preview_after_parents(&transaction, wanted, &mut tried).await;
    transaction.rollback().await?;
    preview
}

/// Restores the parents, which the caller rolls back.
fn preview_after_parents<'a>(
    db: &'a DatabaseTransaction,
    wanted: &'a Wanted,
    tried: &'a mut BTreeSet<i64>,
) -> Pinned<'a, RestorePreview> {
    Box::pin(async move {
        let mut parents = Vec::new();
        loop {
            let preview = resolve::preview(db, wanted).await?.one();
            let missing = untried(missing_parents(&preview.conflicts), tried);
            if missing.is_empty() {
                return Ok(RestorePreview { parents, ..preview });
            }
            for archival in missing {
                let parent = of_parent(wanted, archival);
                // Its archival belongs to another tenant. Or, a race, it was restored or purged since, before its preview or after it. The
                // next preview of the child reports what remains of the conflict.
                let preview = match preview_after_parents(db, &parent, tried).await {
                    Err(Error::NotFound(NotFoundError::Archival { .. })) => continue,
                    preview => preview?,
                };
                // Its own parents have been restored with its preview. A conflict of it is in the preview, and stays one of the child.
                match resolve::restore(db, &parent, None).await {
                    Err(Error::NotFound(NotFoundError::Archival { .. })) => {}
                    Err(error) if preview.conflicts.is_empty() => return Err(error),
                    _ => parents.push(preview),
                }
            }
        }
    })
}

fn untried(archivals: Vec<i64>, tried: &mut BTreeSet<i64>) -> Vec<i64> {
    let mut archivals = archivals;
    archivals.retain(|archival| tried.insert(*archival));
    archivals
}

/// The archivals of missing parents, where nothing else is in the way.
fn missing_parents(conflicts: &[Conflict]) -> Vec<i64> {
    let missing = conflicts.iter().map(|conflict| match conflict {
        Conflict::MissingParent { archival, .. } => *archival,
        _ => None,
    });
    missing.collect::<Option<Vec<_>>>().unwrap_or_default()
}

fn missing_of_error(error: &Error) -> Vec<i64> {
    match error {
        Error::Conflict(ConflictError::ParentArchived { archival, .. }) => vec![*archival],
        Error::Conflict(ConflictError::Restore { conflicts, .. }) => missing_parents(conflicts),
        _ => Vec::new(),
    }
}
