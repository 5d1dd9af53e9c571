//! A restore that checks for conflicts before it moves, for archivals that have conflicts or may have them.
//!
//! In one transaction it defers rows whose parent is in another archival to that archival, and collects every
//! conflict. The rows move only if there is no conflict. A preview does the same and rolls back.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::ConnectionTrait;
use sea_orm_archive_postgres::emit::defer::{ParentLink, held};
use sea_orm_archive_postgres::emit::{conflict, orphan, relink};
use sea_orm_archive_postgres::model::RestorePlan;
use sea_orm_archive_postgres::sqlstate;

use super::defer::{Deferral, defer};
use super::ring;
use super::target::{Target, cache, restored};
use crate::catalog;
use crate::error::{
    self, ConflictError, Error, NotFoundError, RetryError, of_trigger, postgres, unexpected_answer,
};
use crate::exec::{ATTEMPTS, Executor, Sql, ask_here, back_off, begin, finish, is_stale};
use crate::plan;
use crate::planned::PlannedRestore;
use crate::report::{Conflict, LostLink, RestorePreview, Restored, Waiting};

/// How often the conflicts are collected again, where the database reports one that was not found before.
const CHECKS: u32 = 3;

/// Restores the archival, or reports all conflicts.
///
/// Where `lock_root` finds no root to lock, there is nothing to restore.
pub(crate) async fn restore<C>(
    db: &C,
    archival: i64,
    by: Option<String>,
    lock_root: Option<&Sql>,
) -> Result<Restored, Error>
where
    C: Executor,
{
    let mut attempt = 1;
    loop {
        let transaction = begin(db).await?;
        let outcome = check(&transaction, archival).await;
        let hidden = outcome.as_ref().map(hidden_tables).unwrap_or_default();
        let outcome = match (outcome, lock_root) {
            (Ok(found), None) => move_back(&transaction, archival, by.clone(), found).await,
            (Ok(found), Some(lock)) => match ask_here(&transaction, lock).await {
                Ok(Some(_)) => move_back(&transaction, archival, by.clone(), found).await,
                Ok(None) => Err(Error::NotFound(NotFoundError::Archival { archival })),
                Err(error) => Err(error),
            },
            (Err(error), _) => Err(error),
        };
        match finish(transaction, outcome).await {
            Err(Error::Retry(RetryError::Contention { .. }))
                if db.is_pool() && attempt < ATTEMPTS => {}
            Err(error) if is_stale(&error) && attempt < ATTEMPTS => {}
            // Race: a conflict arises between the check and the move. The next check finds it.
            Err(error) if is_violated(&error) && attempt < attempts_after(&error) => {}
            outcome => return outcome.map_err(|error| violated(archival, &hidden, error)),
        }
        back_off(attempt).await;
        attempt += 1;
    }
}

/// What a restore would return.
pub(crate) async fn preview<C>(db: &C, archival: i64) -> Result<RestorePreview, Error>
where
    C: Executor,
{
    let transaction = begin(db).await?;
    let preview = preview_here(&transaction, archival).await;
    transaction.rollback().await?;
    preview
}

async fn preview_here<T: ConnectionTrait>(db: &T, archival: i64) -> Result<RestorePreview, Error> {
    let found = check(db, archival).await?;
    let rows = archived_rows(db, &found.plan, archival).await?;
    let waiting = found.waiting.clone();
    let together = found.together.clone();
    let mut not_relinked = found.parents_deleted.clone();
    not_relinked.extend(lost_links(db, &found.plan, archival).await?);
    let conflicts = if found.conflicts.is_empty() {
        // The move finds the conflicts that no check can find; the caller rolls it back.
        let hidden = hidden_tables(&found);
        let moved = move_back(db, archival, None, found).await;
        match moved.map_err(|error| violated(archival, &hidden, error)) {
            Ok(_) => Vec::new(),
            Err(Error::Conflict(ConflictError::Restore { conflicts, .. })) => conflicts,
            Err(error) => return Err(error),
        }
    } else {
        found.conflicts
    };
    Ok(RestorePreview {
        archival,
        rows,
        waiting,
        conflicts,
        not_relinked,
        together,
    })
}

/// The detached links that a restore would not set again.
async fn lost_links<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    archival: i64,
) -> Result<Vec<LostLink>, Error> {
    let Some(text) = relink::preview(plan) else {
        return Ok(Vec::new());
    };
    let values = vec![archival.into()];
    let links = ask_here(db, &Sql { text, values }).await?;
    serde_json::from_value(links.unwrap_or_default()).map_err(unexpected_answer)
}

/// What a check finds.
struct Found {
    plan: RestorePlan,
    waiting: Vec<Waiting>,
    /// Foreign keys of archived rows that were set to NULL because their parent was deleted for good.
    parents_deleted: Vec<LostLink>,
    conflicts: Vec<Conflict>,
    /// The archivals that are restored together with this one.
    together: Vec<i64>,
}

/// Locks the archival, defers the rows that wait for a parent, and collects the conflicts of the others. Where the root
/// waits for a parent that waits for the root, the archivals of both are joined.
async fn check<T: ConnectionTrait>(db: &T, archival: i64) -> Result<Found, Error> {
    if !claim(db, archival).await? {
        return Err(Error::NotFound(NotFoundError::Archival { archival }));
    }
    let alone = check_rows(db, archival, Vec::new()).await?;
    if !alone.conflicts.iter().any(is_archived_parent) {
        return Ok(alone);
    }
    let together = ring::of(db, &alone.plan, archival).await?;
    if together.is_empty() {
        return Ok(alone);
    }
    if !ring::join(db, archival, &together).await? {
        // Race: one of them was restored or purged before it was locked. It is no reason to wait any more.
        return check_rows(db, archival, Vec::new()).await;
    }
    let is_waiting = |waiting: &Waiting| !together.contains(&waiting.archival);
    let waiting = alone.waiting.into_iter().filter(is_waiting);
    let waiting: Vec<_> = waiting.collect();
    let mut all = check_rows(db, archival, together).await?;
    all.waiting.splice(0..0, waiting);
    all.parents_deleted.splice(0..0, alone.parents_deleted);
    Ok(all)
}

/// Locks the archival. Returns whether it is still archived.
///
/// Race: two restores of one archival, or a restore and another one that defers rows to this archival. The second waits
/// for this lock.
pub(crate) async fn claim<T: ConnectionTrait>(db: &T, archival: i64) -> Result<bool, Error> {
    let lock = "SELECT pg_catalog.to_jsonb(archive.claim_archival($1)) AS result";
    let lock = Sql {
        text: lock.to_owned(),
        values: vec![archival.into()],
    };
    let claimed = ask_here(db, &lock).await?;
    Ok(claimed.is_some_and(|claim| !claim.is_null()))
}

/// The same for an archival that is locked, with those that were joined into it.
async fn check_rows<T: ConnectionTrait>(
    db: &T,
    archival: i64,
    together: Vec<i64>,
) -> Result<Found, Error> {
    let plan = plan::from_record(db, archival).await?;
    let links = parent_links(db, &plan).await?;
    let parents_deleted = unlink_deleted_parents(db, &plan, &links, archival).await?;
    let mut deferral = Deferral::of(archived_rows(db, &plan, archival).await?);
    let roots: Vec<i64> = std::iter::once(archival)
        .chain(together.iter().copied())
        .collect();
    let mut checks = 0;
    // The loop ends: no row is deferred twice, and without a deferred row there are only a few checks.
    let conflicts = loop {
        checks += 1;
        defer(db, &plan, &links, &roots, &mut deferral).await?;
        let conflicts = conflicts(db, &plan, &links, archival).await?;
        // Race: a parent is archived between the two statements. It is reported as missing, and its rows can be
        // deferred like others.
        let deferred = match conflicts.is_empty() {
            true => false,
            false => defer(db, &plan, &links, &roots, &mut deferral).await?,
        };
        // Race: the parent is restored before its rows are deferred. The next check finds it.
        let may_pass = checks < CHECKS && conflicts.iter().any(is_archived_parent);
        if !deferred && !may_pass {
            break conflicts;
        }
    };
    Ok(Found {
        waiting: deferral.waiting(&plan),
        plan,
        parents_deleted,
        conflicts,
        together,
    })
}

/// Sets foreign keys with ON DELETE SET NULL to NULL in archived rows whose parent was deleted for good: the
/// delete itself did so in active rows only.
async fn unlink_deleted_parents<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    archival: i64,
) -> Result<Vec<LostLink>, Error> {
    let mut all = Vec::new();
    for link in links {
        let Some(text) = orphan::unlink(plan, link) else {
            continue;
        };
        let values = vec![archival.into()];
        let unlinked = ask_here(db, &Sql { text, values }).await?;
        let unlinked: Vec<LostLink> =
            serde_json::from_value(unlinked.unwrap_or_default()).map_err(unexpected_answer)?;
        all.extend(unlinked);
    }
    Ok(all)
}

fn is_archived_parent(conflict: &Conflict) -> bool {
    matches!(
        conflict,
        Conflict::MissingParent {
            archival: Some(_),
            ..
        }
    )
}

async fn move_back<T: ConnectionTrait>(
    db: &T,
    archival: i64,
    by: Option<String>,
    found: Found,
) -> Result<Restored, Error> {
    if !found.conflicts.is_empty() {
        return Err(conflict_error(archival, &found.plan, found.conflicts));
    }
    let planned = Arc::new(PlannedRestore::from(found.plan));
    let answer = ask_here(db, &Target::archival(archival, by.clone()).call(&planned)).await;
    let answer = answer
        .map_err(|error| of_trigger(&planned.plan, error))?
        .filter(|a| !a.is_null())
        .ok_or(Error::NotFound(NotFoundError::Archival { archival }))?;
    // The plan of a ring is that of one archival alone.
    if found.together.is_empty() {
        cache(&planned);
    }
    let mut restored = restored(answer)?;
    restored.together = ring::finish(db, &found.together, by.as_deref()).await?;
    restored.waiting = found.waiting;
    restored.count_missing();
    restored.not_relinked.extend(found.parents_deleted);
    Ok(restored)
}

/// The error for the conflicts. A root whose own parent is archived has an error of its own: the parent must be
/// restored first.
fn conflict_error(archival: i64, plan: &RestorePlan, conflicts: Vec<Conflict>) -> Error {
    let root = plan
        .tables
        .first()
        .map(|m| m.table.id.to_string())
        .unwrap_or_default();
    match conflicts.as_slice() {
        [
            Conflict::MissingParent {
                table,
                key,
                parent_table,
                parent_key,
                archival: Some(parent),
                ..
            },
        ] if *table == root => Error::Conflict(ConflictError::ParentArchived {
            table: table.clone(),
            key: Box::new(key.clone()),
            parent_table: parent_table.clone(),
            parent_key: Box::new(parent_key.clone()),
            archival: *parent,
        }),
        _ => Error::Conflict(ConflictError::Restore {
            archival,
            conflicts,
        }),
    }
}

/// How many attempts there are with this error. Race: a parent is archived between check and move; it can be another
/// parent each time. A check finds every parent that stays archived. What a CHECK refuses, it refuses again.
fn attempts_after(error: &Error) -> u32 {
    match error::code(error) {
        Some(code) if sqlstate::is_foreign_key(code) => ATTEMPTS,
        _ => CHECKS,
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
fn violated(archival: i64, hidden: &[String], error: Error) -> Error {
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
    Error::Conflict(ConflictError::Restore {
        archival,
        conflicts: vec![conflict],
    })
}

/// The foreign keys of the tables, with the archive tables of the tables that they refer to.
pub(super) async fn parent_links<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
) -> Result<Vec<ParentLink>, Error> {
    let keys = plan.tables.iter().enumerate();
    let keys: Vec<_> = keys
        .flat_map(|(n, moved)| moved.table.outgoing.iter().map(move |key| (n, key)))
        .collect();
    let mut names: Vec<String> = keys.iter().map(|(_, key)| key.parent.sql()).collect();
    names.sort();
    names.dedup();
    let parents = catalog::read(db, &names).await?;
    let links = keys.into_iter().map(|(table, key)| {
        let parent = parents
            .iter()
            .flatten()
            .find(|parent| parent.id.oid == key.parent.oid);
        ParentLink {
            table,
            key: key.clone(),
            archive_table: parent.and_then(|p| p.archive_table.clone()),
        }
    });
    Ok(links.collect())
}

/// How many rows of each table the archival has.
async fn archived_rows<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    archival: i64,
) -> Result<BTreeMap<String, u64>, Error> {
    let text = held(plan);
    let values = vec![archival.into()];
    let rows = ask_here(db, &Sql { text, values }).await?;
    serde_json::from_value(rows.unwrap_or_default()).map_err(unexpected_answer)
}

async fn conflicts<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    archival: i64,
) -> Result<Vec<Conflict>, Error> {
    let tables: Vec<i64> = plan.tables.iter().map(|moved| moved.table.id.oid).collect();
    let indexes = catalog::unique_indexes(db, &tables).await?;
    let (plain, others): (Vec<_>, Vec<_>) = indexes.iter().partition(|i| i.has_columns_only());
    // Runs with the search_path of the caller, on which the functions of policies resolve names without a schema.
    let plain = conflict::statement(plan, plain.into_iter(), links).map(|text| Sql {
        text,
        values: vec![archival.into()],
    });
    // PostgreSQL prints the expressions of an index for one search_path: on another one they could call functions of
    // another schema.
    let others = conflict::statement(plan, others.into_iter(), &[]).map(|query| Sql {
        text: "SELECT archive.answer($1, $2) AS result".to_owned(),
        values: vec![query.into(), archival.into()],
    });
    let mut conflicts = Vec::new();
    for sql in plain.iter().chain(&others) {
        let found = ask_here(db, sql).await?.unwrap_or_default();
        let found: Vec<Conflict> = serde_json::from_value(found).map_err(unexpected_answer)?;
        conflicts.extend(found);
    }
    Ok(conflicts)
}
