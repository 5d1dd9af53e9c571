//! A restore that checks for conflicts before it moves, for archivals that have conflicts or may have them.
//!
//! In one transaction it defers rows whose parent is in another archival to that archival, and collects every
//! conflict. The rows move only if there is no conflict. A preview does the same and rolls back.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::ConnectionTrait;
use sea_orm_archive_postgres::emit::{Roots, relink};
use sea_orm_archive_postgres::model::RestorePlan;
use sea_orm_archive_postgres::sqlstate;

use super::check::{CHECKS, Found, archived_rows, check, claim};
use super::target::{MovedBack, cache, call_many, moved_back};
use super::wanted::Wanted;
use crate::error::{self, ConflictError, Error, of_trigger, postgres, unexpected_answer};
use crate::exec::{Attempts, Executor, Sql, ask_here, begin, finish, is_stale};
use crate::planned::PlannedRestore;
use crate::report::{
    ArchivalConflicts, Conflict, LostLink, RestoreManyPreview, RestorePreview, RowChange, Stayed,
    Waiting,
};

/// Restores the archivals, or reports all conflicts.
///
/// Where `lock_root` finds no root to lock, there is nothing to restore.
pub(crate) async fn restore<C>(
    db: &C,
    wanted: &Wanted,
    lock_root: Option<&Sql>,
) -> Result<MovedBack, Error>
where
    C: Executor,
{
    let mut attempts = Attempts::of(db);
    loop {
        let transaction = begin(db).await?;
        let outcome = match lock_root {
            Some(lock) => locked(&transaction, wanted, lock).await,
            None => Ok(()),
        };
        let outcome = match outcome {
            Ok(()) => check(&transaction, wanted).await,
            Err(error) => Err(error),
        };
        let hidden = outcome.as_ref().map(hidden_tables).unwrap_or_default();
        let outcome = match outcome {
            Ok(found) => move_back(&transaction, wanted, found).await,
            Err(error) => Err(error),
        };
        match finish(transaction, outcome).await {
            Err(error) if is_stale(&error) && attempts.remain() => attempts.wait().await,
            // Race: a conflict arises between the check and the move. The next check finds it.
            Err(error) if is_violated(&error) && may_pass(&attempts, &error) => {
                attempts.wait().await
            }
            Err(error) => {
                let after = attempts.after(error).await;
                after.map_err(|error| violated(wanted, &hidden, error))?;
            }
            moved => return moved,
        }
    }
}

/// Locks the archivals and then the root, before any of its rows changes. Without a root to lock there is nothing to restore.
async fn locked<T: ConnectionTrait>(db: &T, wanted: &Wanted, lock: &Sql) -> Result<(), Error> {
    claim(db, &wanted.archivals).await?;
    match ask_here(db, lock).await? {
        Some(_) => Ok(()),
        None => Err(wanted.not_found()),
    }
}

/// What a restore would do.
pub(crate) struct Preview {
    /// Those that would be restored, the one that was asked for first.
    pub archivals: Vec<i64>,
    pub rows: BTreeMap<String, u64>,
    pub waiting: Vec<Waiting>,
    pub conflicts: Vec<ArchivalConflicts>,
    pub not_relinked: Vec<LostLink>,
    pub changes: Vec<RowChange>,
    pub stayed: Vec<Stayed>,
}

impl Preview {
    /// For one archival; the others are those that would be restored together with it.
    pub fn one(self) -> RestorePreview {
        let mut archivals = self.archivals.into_iter();
        RestorePreview {
            archival: archivals.next().unwrap_or_default(),
            together: archivals.collect(),
            rows: self.rows,
            waiting: self.waiting,
            conflicts: self
                .conflicts
                .into_iter()
                .flat_map(|found| found.conflicts)
                .collect(),
            not_relinked: self.not_relinked,
            changes: self.changes,
            stayed: self.stayed,
            parents: Vec::new(),
        }
    }
}

impl From<Preview> for RestoreManyPreview {
    fn from(preview: Preview) -> Self {
        Self {
            archivals: preview.archivals,
            rows: preview.rows,
            waiting: preview.waiting,
            conflicts: preview.conflicts,
            not_relinked: preview.not_relinked,
            changes: preview.changes,
            stayed: preview.stayed,
        }
    }
}

/// What a restore would return.
pub(crate) async fn preview<C>(db: &C, wanted: &Wanted) -> Result<Preview, Error>
where
    C: Executor,
{
    let transaction = begin(db).await?;
    let preview = preview_here(&transaction, wanted).await;
    transaction.rollback().await?;
    preview
}

async fn preview_here<T: ConnectionTrait>(db: &T, wanted: &Wanted) -> Result<Preview, Error> {
    let found = check(db, wanted).await?;
    let archivals = found.archivals.clone();
    let rows = archived_rows(db, &found.plan, &archivals).await?;
    let waiting = found.waiting.clone();
    let changes = found.changes.clone();
    // Their archivals are recorded by the restore, under other ids.
    let stayed = found.stayed.iter().cloned();
    let stayed = stayed.map(|stayed| Stayed {
        archival: None,
        ..stayed
    });
    let stayed = stayed.collect();
    let mut not_relinked = found.parents_deleted.clone();
    not_relinked.extend(lost_links(db, &found.plan, &archivals).await?);
    let conflicts = if found.conflicts.is_empty() {
        // The move finds the conflicts that no check can find; the caller rolls it back.
        let hidden = hidden_tables(&found);
        let moved = move_back(db, wanted, found).await;
        match moved.map_err(|error| violated(wanted, &hidden, error)) {
            Ok(_) => Vec::new(),
            Err(Error::Conflict(ConflictError::Restore {
                archival,
                conflicts,
            })) => vec![ArchivalConflicts {
                archival: Some(archival),
                conflicts,
            }],
            Err(Error::Conflict(ConflictError::RestoreMany { archivals })) => archivals,
            Err(error) => return Err(error),
        }
    } else {
        found.conflicts
    };
    Ok(Preview {
        archivals,
        rows,
        waiting,
        conflicts,
        not_relinked,
        changes,
        stayed,
    })
}

/// The detached links that a restore would not set again.
async fn lost_links<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    archivals: &[i64],
) -> Result<Vec<LostLink>, Error> {
    let Some(text) = relink::preview(plan) else {
        return Ok(Vec::new());
    };
    let values = vec![archivals.to_vec().into()];
    let links = ask_here(db, &Sql { text, values }).await?;
    serde_json::from_value(links.unwrap_or_default()).map_err(unexpected_answer)
}

async fn move_back<T: ConnectionTrait>(
    db: &T,
    wanted: &Wanted,
    found: Found,
) -> Result<MovedBack, Error> {
    if !found.conflicts.is_empty() {
        return Err(wanted.conflict_error(&found.plan, found.conflicts));
    }
    let planned = Arc::new(PlannedRestore::from(found.plan));
    let ids = Sql {
        text: String::new(),
        values: vec![found.archivals.clone().into()],
    };
    let find = "SELECT i.id FROM pg_catalog.unnest($1::bigint[]) AS i(id)";
    let call = call_many(&planned, &planned.many, find, ids, wanted.by.clone());
    let answer = ask_here(db, &call).await;
    let answer = answer
        .map_err(|error| of_trigger(&planned.plan, error))?
        .filter(|a| !a.is_null())
        .ok_or_else(|| wanted.not_found())?;
    // The plan of several archivals is that of none of them alone.
    if found.archivals.len() == 1 {
        cache(&planned);
    }
    let mut moved = moved_back(answer)?;
    moved.asked = found.archivals.first().copied().unwrap_or_default();
    moved.waiting = found.waiting;
    moved.changes = found.changes;
    moved.stayed = found.stayed;
    moved.not_relinked.extend(found.parents_deleted);
    Ok(moved)
}

/// Whether the next attempt may pass. Race: a parent is archived between check and move; it can be another parent each time. A
/// check finds every parent that stays archived. What a CHECK refuses, it refuses again.
fn may_pass(attempts: &Attempts, error: &Error) -> bool {
    match error::code(error) {
        Some(code) if sqlstate::is_foreign_key(code) => attempts.remain(),
        _ => attempts.remain_of(CHECKS),
    }
}

/// Whether a constraint refused a row.
fn is_violated(error: &Error) -> bool {
    error::code(error).is_some_and(sqlstate::is_constraint)
}

/// The tables whose rows row-level security may hide from this role, as `schema.table`.
fn hidden_tables(found: &Found) -> Vec<String> {
    let tables = found.plan.tables.iter().map(|moved| &moved.table.id);
    tables
        .filter(|id| id.hides_rows)
        .map(ToString::to_string)
        .collect()
}

/// The conflict for a constraint that no check can find: a CHECK that is newer than the archived rows, or a
/// unique index with a row that row-level security hides.
fn violated(wanted: &Wanted, hidden: &[String], error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    let Some(e) = postgres(source).filter(|e| sqlstate::is_constraint(e.code())) else {
        return error;
    };
    let table = [e.schema(), e.table()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(".");
    let constraint = e.constraint().or(e.column()).unwrap_or_default().to_owned();
    let conflict = match e.code() {
        code if sqlstate::is_taken(code) && hidden.contains(&table) => {
            Conflict::Unseen { table, constraint }
        }
        _ => Conflict::Violated {
            table,
            constraint,
            message: match e.detail() {
                Some(detail) => format!("{}: {detail}", e.message()),
                None => e.message().to_owned(),
            },
        },
    };
    let conflicts = vec![conflict];
    Error::Conflict(match wanted.which {
        Roots::One => ConflictError::Restore {
            archival: wanted.first(),
            conflicts,
        },
        Roots::Many => ConflictError::RestoreMany {
            archivals: vec![ArchivalConflicts {
                archival: None,
                conflicts,
            }],
        },
    })
}
