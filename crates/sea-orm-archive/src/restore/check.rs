//! The check before a restore: which rows wait for another parent, and what is in the way of the others.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::ConnectionTrait;
use sea_orm_archive_postgres::emit::defer::{ParentLink, held};
use sea_orm_archive_postgres::emit::{Roots, conflict, orphan, together};
use sea_orm_archive_postgres::model::RestorePlan;
use serde_json::Value as Json;

use super::defer::{Deferral, defer};
use super::parent_links::parent_links;
use super::policies::Source;
use super::wanted::Wanted;
use super::{change, part, ring};
use crate::catalog;
use crate::error::{DriftError, Error, unexpected_answer};
use crate::exec::{Sql, ask_here};
use crate::plan;
use crate::report::{ArchivalConflicts, Conflict, LostLink, RowChange, Stayed, Waiting};

/// How often the conflicts are collected again, where the database reports one that was not found before.
pub(super) const CHECKS: u32 = 3;

/// What a check finds.
pub(super) struct Found {
    /// The archivals that are restored, the one that was asked for first.
    pub archivals: Vec<i64>,
    /// The rows that were changed.
    pub changes: Vec<RowChange>,
    /// The rows that stay archived with their conflicts.
    pub stayed: Vec<Stayed>,
    pub plan: RestorePlan,
    pub waiting: Vec<Waiting>,
    /// Foreign keys of archived rows that were set to NULL because their parent was deleted for good.
    pub parents_deleted: Vec<LostLink>,
    pub conflicts: Vec<ArchivalConflicts>,
}

/// Locks the archivals, defers the rows that wait for a parent, and collects the conflicts of the others. An archival whose root
/// waits for a parent that waits for this root is restored together with the archival of that parent.
pub(super) async fn check<T: ConnectionTrait>(db: &T, wanted: &Wanted) -> Result<Found, Error> {
    let claimed = claim(db, &wanted.archivals).await?;
    let Some(first) = claimed.first().copied() else {
        return Err(wanted.not_found());
    };
    let changes = wanted.policies.changes_rows();
    let alone = match changes {
        true => check_changed(db, wanted, claimed).await?,
        false => check_rows(db, claimed).await?,
    };
    if wanted.which == Roots::Many {
        refuse_crossing(db, &alone).await?;
    }
    let of_others = wanted.which == Roots::Many || wanted.policies.source != Source::Rows;
    if of_others || !alone.conflicts.iter().any(has_archived_parent) {
        return Ok(alone);
    }
    // Race: the others are locked after the first one, in the order of their ids. Two restores that begin with different archivals
    // of a ring may wait for each other; PostgreSQL then ends one of them, and it is tried again.
    let others = ring::of(db, &alone.plan, first).await?;
    if others.is_empty() {
        return Ok(alone);
    }
    if claim(db, &others).await?.len() == others.len() {
        return check_together(db, alone, first, others).await;
    }
    // Race: one of them was restored or purged before it was locked, so that the first no longer waits for it.
    let found = check_rows(db, vec![first]).await?;
    Ok(Found {
        changes: alone.changes,
        stayed: alone.stayed,
        ..found
    })
}

/// The same for an archival together with the others of its ring, which are locked. Its rows are changed, and unlinked, already.
async fn check_together<T: ConnectionTrait>(
    db: &T,
    alone: Found,
    first: i64,
    others: Vec<i64>,
) -> Result<Found, Error> {
    let is_waiting = |waiting: &Waiting| !others.contains(&waiting.archival);
    let mut waiting: Vec<_> = alone.waiting.into_iter().filter(is_waiting).collect();
    let all: Vec<i64> = std::iter::once(first)
        .chain(others.iter().copied())
        .collect();
    let plan = plan::from_record(db, &all).await?;
    let links = parent_links(db, &plan).await?;
    let mut parents_deleted = alone.parents_deleted;
    parents_deleted.extend(unlink_deleted_parents(db, &plan, &links, &others).await?);
    let mut found = check_linked(db, all, plan, &links).await?;
    waiting.append(&mut found.waiting);
    Ok(Found {
        waiting,
        parents_deleted,
        changes: alone.changes,
        stayed: alone.stayed,
        ..found
    })
}

/// Changes the archived rows as the policies say, and checks them. The changes are in the archive tables, so that the check and the move
/// see rows like any others.
async fn check_changed<T: ConnectionTrait>(
    db: &T,
    wanted: &Wanted,
    claimed: Vec<i64>,
) -> Result<Found, Error> {
    let policies = &wanted.policies;
    let archivals = sources(db, wanted, claimed).await?;
    let plan = plan::from_record(db, &archivals).await?;
    let links = parent_links(db, &plan).await?;
    // Before the changes: a parent that does not exist is a conflict, and not one that was deleted.
    let parents_deleted = unlink_deleted_parents(db, &plan, &links, &archivals).await?;
    let mut changes = change::apply(db, &plan, &links, policies, &archivals).await?;
    let (mut stayed, mut waiting) = (Vec::new(), Vec::new());
    let mut renamed = BTreeSet::new();
    // The loop ends: each round renames a row for the first time, takes a row out of its archival, or is the last.
    loop {
        let mut found = check_linked(db, archivals.clone(), plan.clone(), &links).await?;
        waiting.append(&mut found.waiting);
        let new = change::rename(
            db,
            &plan,
            policies,
            &archivals,
            &found.conflicts,
            &mut renamed,
        );
        let new = new.await?;
        let mut again = !new.is_empty();
        changes.extend(new);
        if !again && policies.skips_rows && !found.conflicts.is_empty() {
            let left = part::leave(db, &plan, &links, &found.conflicts).await?;
            again = !left.is_empty();
            stayed.extend(left);
        }
        if !again {
            return Ok(Found {
                changes,
                stayed,
                waiting,
                parents_deleted,
                ..found
            });
        }
    }
}

/// The archivals whose rows are restored: those that were asked for, or new ones with a part or with copies of their rows.
async fn sources<T: ConnectionTrait>(
    db: &T,
    wanted: &Wanted,
    claimed: Vec<i64>,
) -> Result<Vec<i64>, Error> {
    let mut archivals = Vec::new();
    for archival in claimed {
        let plan = || plan::from_record(db, std::slice::from_ref(&archival));
        archivals.push(match &wanted.policies.source {
            Source::Rows => archival,
            Source::Copies => part::copy(db, &plan().await?, archival).await?,
            Source::Part(table, key) => {
                let plan = plan().await?;
                let links = parent_links(db, &plan).await?;
                let Some(n) = change::table(db, &plan, table).await? else {
                    return Err(wanted.not_found());
                };
                let keys = std::slice::from_ref(key);
                let parts = part::split(db, &plan, &links, archival, n, keys).await?;
                // Race: another restore has deferred the row to another archival since it was located.
                let part = parts.first().ok_or_else(|| wanted.not_found())?;
                part.archival
            }
        });
    }
    Ok(archivals)
}

/// Refuses a set in which a row and its parent were archived by different calls, where triggers of the application act: a counter of
/// the parent was archived without the row, and would be set to that.
async fn refuse_crossing<T: ConnectionTrait>(db: &T, found: &Found) -> Result<(), Error> {
    let acting = found.plan.acting();
    let Some((table, trigger)) = acting.first() else {
        return Ok(());
    };
    for link in parent_links(db, &found.plan).await? {
        let Some(archive_table) = &link.archive_table else {
            continue;
        };
        let crossing = Sql {
            text: together::crossing(&found.plan, &link, archive_table),
            values: vec![found.archivals.clone().into()],
        };
        if ask_here(db, &crossing).await? == Some(Json::Bool(true)) {
            let child = &found.plan.tables[link.table].table.id;
            return Err(Error::Drift(DriftError::Trigger {
                message: format!(
                    "rows of {child} and their parents ({}) were archived by different calls, and the trigger {} on {table} could count them \
                     wrongly, so nothing was restored: restore the archivals one after the other, the newest first",
                    link.key.parent, trigger.name
                ),
            }));
        }
    }
    Ok(())
}

/// Locks the archivals, and returns those that are still archived, in the order of their ids.
///
/// Race: two restores of one archival, or a restore and another one that defers rows to this archival. The second waits
/// for this lock.
pub(crate) async fn claim<T: ConnectionTrait>(
    db: &T,
    archivals: &[i64],
) -> Result<Vec<i64>, Error> {
    let lock = Sql {
        text: "SELECT archive.claim_archivals($1) OPERATOR(pg_catalog.->) 'ids' AS result"
            .to_owned(),
        values: vec![archivals.to_vec().into()],
    };
    let claimed = ask_here(db, &lock).await?.filter(|ids| !ids.is_null());
    let claimed = claimed.unwrap_or_else(|| Json::Array(Vec::new()));
    serde_json::from_value(claimed).map_err(unexpected_answer)
}

/// The same for archivals that are locked.
async fn check_rows<T: ConnectionTrait>(db: &T, archivals: Vec<i64>) -> Result<Found, Error> {
    let plan = plan::from_record(db, &archivals).await?;
    let links = parent_links(db, &plan).await?;
    let parents_deleted = unlink_deleted_parents(db, &plan, &links, &archivals).await?;
    let found = check_linked(db, archivals, plan, &links).await?;
    Ok(Found {
        parents_deleted,
        ..found
    })
}

/// The same where foreign keys to parents that were deleted are NULL.
async fn check_linked<T: ConnectionTrait>(
    db: &T,
    archivals: Vec<i64>,
    plan: RestorePlan,
    links: &[ParentLink],
) -> Result<Found, Error> {
    let mut deferral = Deferral::of(archived_rows(db, &plan, &archivals).await?);
    let mut checks = 0;
    // The loop ends: no row is deferred twice, and without a deferred row there are only a few checks.
    let conflicts = loop {
        checks += 1;
        defer(db, &plan, links, &archivals, &mut deferral).await?;
        let conflicts = conflicts(db, &plan, links, &archivals).await?;
        // Race: a parent is archived between the two statements. It is reported as missing, and its rows can be
        // deferred like others.
        let deferred = match conflicts.is_empty() {
            true => false,
            false => defer(db, &plan, links, &archivals, &mut deferral).await?,
        };
        // Race: the parent is restored before its rows are deferred. The next check finds it.
        let may_pass = checks < CHECKS && conflicts.iter().any(has_archived_parent);
        if !deferred && !may_pass {
            break conflicts;
        }
    };
    Ok(Found {
        archivals,
        changes: Vec::new(),
        stayed: Vec::new(),
        waiting: deferral.waiting(&plan),
        plan,
        parents_deleted: Vec::new(),
        conflicts,
    })
}

/// Sets foreign keys with ON DELETE SET NULL to NULL in archived rows whose parent was deleted for good: the
/// delete itself did so in active rows only.
async fn unlink_deleted_parents<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    archivals: &[i64],
) -> Result<Vec<LostLink>, Error> {
    let mut all = Vec::new();
    for link in links {
        let Some(text) = orphan::unlink(plan, link) else {
            continue;
        };
        let values = vec![archivals.to_vec().into()];
        let unlinked = ask_here(db, &Sql { text, values }).await?;
        let unlinked: Vec<LostLink> =
            serde_json::from_value(unlinked.unwrap_or_default()).map_err(unexpected_answer)?;
        all.extend(unlinked);
    }
    Ok(all)
}

fn has_archived_parent(found: &ArchivalConflicts) -> bool {
    found.conflicts.iter().any(|conflict| {
        matches!(
            conflict,
            Conflict::MissingParent {
                archival: Some(_),
                ..
            }
        )
    })
}

/// How many rows of each table the archivals have.
pub(super) async fn archived_rows<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    archivals: &[i64],
) -> Result<BTreeMap<String, u64>, Error> {
    let text = held(plan);
    let values = vec![archivals.to_vec().into()];
    let rows = ask_here(db, &Sql { text, values }).await?;
    serde_json::from_value(rows.unwrap_or_default()).map_err(unexpected_answer)
}

/// A conflict, with the archival of its row.
#[derive(serde::Deserialize)]
struct Conflicting {
    of: i64,
    conflict: Conflict,
}

async fn conflicts<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    archivals: &[i64],
) -> Result<Vec<ArchivalConflicts>, Error> {
    let which = match archivals.len() {
        1 => Roots::One,
        _ => Roots::Many,
    };
    let tables: Vec<i64> = plan.tables.iter().map(|moved| moved.table.id.oid).collect();
    let indexes = catalog::unique_indexes(db, &tables).await?;
    let (plain, others): (Vec<_>, Vec<_>) = indexes.iter().partition(|i| i.has_columns_only());
    // Runs with the search_path of the caller, on which the functions of policies resolve names without a schema.
    let plain = conflict::statement(plan, plain.into_iter(), links, which).map(|text| Sql {
        text,
        values: vec![archivals.to_vec().into()],
    });
    // PostgreSQL prints the expressions of an index for one search_path: on another one they could call functions of
    // another schema.
    let others = conflict::statement(plan, others.into_iter(), &[], which).map(|query| Sql {
        text: "SELECT archive.answer($1, $2) AS result".to_owned(),
        values: vec![query.into(), archivals.to_vec().into()],
    });
    let mut conflicts: BTreeMap<i64, Vec<Conflict>> = BTreeMap::new();
    for sql in plain.iter().chain(&others) {
        let found = ask_here(db, sql).await?.unwrap_or_default();
        let found: Vec<Conflicting> = serde_json::from_value(found).map_err(unexpected_answer)?;
        for Conflicting { of, conflict } in found {
            conflicts.entry(of).or_default().push(conflict);
        }
    }
    let conflicts = conflicts.into_iter();
    let conflicts = conflicts.map(|(archival, conflicts)| ArchivalConflicts {
        archival: Some(archival),
        conflicts,
    });
    Ok(conflicts.collect())
}
