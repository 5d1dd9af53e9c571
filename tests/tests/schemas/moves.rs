//! Archives and restores of a story: what a call returns is compared with the model, and the model moves the same rows.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm_archive::Executor;
use sea_orm_archive::{Archival, ArchivePreview, RestorePreview, Restored};

use crate::schemas::calls;
use crate::schemas::database::owners;
use crate::schemas::model::{Model, Move, Place, Refusal, Return};
use crate::schemas::schema::Trigger;

pub async fn archive_one(
    db: &impl Executor,
    model: &mut Model,
    place: Place,
    area: i32,
) -> Result<(), String> {
    let preview = calls::preview_one(db, place, area).await?;
    let archivals = calls::archive_one(db, place, area).await?;
    if model.tables.active[place.0].contains_key(&place.1) {
        return archived(model, place.0, &[place.1], preview, archivals);
    }
    let refusal = match model.archival(place) {
        Some(archival) => Refusal::AlreadyArchived(archival),
        None => Refusal::NotFound,
    };
    refused(model, place.0, &refusal, preview)?;
    refused(model, place.0, &refusal, archivals)
}

/// Checks that a call was refused as expected. A table that cannot be archived may be reported first, if no plan is
/// cached.
fn refused<T: std::fmt::Debug>(
    model: &Model,
    table: usize,
    expected: &Refusal,
    got: Result<T, Refusal>,
) -> Result<(), String> {
    let undeclared = Refusal::Undeclared(model.undeclared(table));
    match got {
        Err(refusal) if refusal == *expected => Ok(()),
        Err(refusal) if refusal == undeclared => Ok(()),
        other => Err(format!("expected {expected:?}, got {other:?}")),
    }
}

/// Compares the results of an archive of active rows with the model, and moves the rows in the model.
pub fn archived(
    model: &mut Model,
    table: usize,
    ids: &[i64],
    preview: Result<ArchivePreview, Refusal>,
    archivals: Result<Vec<Archival>, Refusal>,
) -> Result<(), String> {
    let undeclared = model.undeclared(table);
    if !undeclared.is_empty() {
        if ids.is_empty() && preview.is_ok() && archivals == Ok(Vec::new()) {
            return Ok(());
        }
        let refusal = Refusal::Undeclared(undeclared);
        refused(model, table, &refusal, preview)?;
        return refused(model, table, &refusal, archivals);
    }
    let done = model.archive(table, ids);
    check_preview(
        &done,
        ids,
        &preview.map_err(|error| format!("the preview failed: {error:?}"))?,
    )?;
    let blocked = Refusal::Blocked(done.blocked.clone());
    match archivals {
        Err(Refusal::KeyArchived) if done.taken => Ok(()),
        Err(refusal) if !done.blocked.is_empty() && refusal == blocked => Ok(()),
        Ok(archivals) if done.blocked.is_empty() && !done.taken => {
            let by_root = check_archivals(&done, &archivals)?;
            model.archived(table, &done, &by_root);
            Ok(())
        }
        other => Err(format!("expected {done:?}, got {other:?}")),
    }
}

fn check_preview(done: &Move, ids: &[i64], preview: &ArchivePreview) -> Result<(), String> {
    let rows: BTreeMap<String, u64> = preview
        .rows
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(t, n)| (t.clone(), *n))
        .collect();
    let mut links = BTreeMap::new();
    for (_, edge, _) in &done.cuts {
        *links.entry(format!("edge_{edge}")).or_default() += 1;
    }
    let detached: BTreeMap<String, u64> = preview
        .detached
        .iter()
        .map(|d| (d.constraint.clone(), d.rows))
        .collect();
    let blocked: BTreeSet<_> = preview
        .blockers
        .iter()
        .map(|b| (b.constraint.clone(), b.rows))
        .collect();
    if preview.roots != ids.len() as u64
        || rows != counts(done.rows.keys())
        || detached != links
        || blocked != done.blocked
    {
        return Err(format!("the preview is {preview:?}, expected {done:?}"));
    }
    Ok(())
}

/// The number of rows of each table.
fn counts<'a>(rows: impl Iterator<Item = &'a Place>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (table, _) in rows {
        *counts.entry(format!("public.t{table}")).or_default() += 1;
    }
    counts
}

/// The archival of each root; checks that each counts its rows.
fn check_archivals(done: &Move, archivals: &[Archival]) -> Result<BTreeMap<i64, i64>, String> {
    let roots: Vec<_> = archivals
        .iter()
        .filter_map(|a| a.root_key["id"].as_i64())
        .collect();
    if roots != done.roots {
        return Err(format!(
            "expected archivals of {:?}, got {roots:?}",
            done.roots
        ));
    }
    for (root, archival) in roots.iter().zip(archivals) {
        let own = done
            .rows
            .iter()
            .filter(|(_, by)| *by == root)
            .map(|(place, _)| place);
        let mut rows = archival.rows();
        rows.retain(|_, n| *n > 0);
        if rows != counts(own) {
            return Err(format!("{archival:?}, expected {done:?}"));
        }
    }
    Ok(roots
        .into_iter()
        .zip(archivals.iter().map(|archival| archival.id))
        .collect())
}

pub async fn restore_one(
    db: &impl Executor,
    model: &mut Model,
    place: Place,
    area: i32,
) -> Result<(), String> {
    let archival = model.archival(place);
    let is_root = archival.is_some_and(|archival| model.tables.roots[&archival] == place);
    let refusal = match archival {
        Some(archival) if is_root => {
            return restore(db, model, archival, How::ByRoot(place, area))
                .await
                .map(|_| ());
        }
        Some(archival) => Refusal::ParentArchived(Some(archival)),
        None if model.tables.active[place.0].contains_key(&place.1) => Refusal::NotArchived,
        None => Refusal::NotFound,
    };
    let preview = calls::preview_restore_one(db, place, area).await?;
    let restored = calls::restore_one(db, place, area).await?;
    refused(model, place.0, &refusal, preview)?;
    refused(model, place.0, &refusal, restored)
}

/// How an archival is restored.
pub enum How {
    ById,
    ByRoot(Place, i32),
    /// By its id, while this column of a table and its archive table has another name.
    Renamed(usize, String),
}

/// Restores an archival, and returns whether that was possible.
pub async fn restore(
    db: &impl Executor,
    model: &mut Model,
    archival: i64,
    how: How,
) -> Result<bool, String> {
    let back = model.restore(archival);
    let (preview, restored) = match how {
        How::ByRoot(place, area) => (
            calls::preview_restore_one(db, place, area).await?,
            calls::restore_one(db, place, area).await?,
        ),
        How::ById => (
            calls::preview_restore(db, archival).await?,
            calls::restore(db, archival).await?,
        ),
        How::Renamed(table, column) => {
            let other = format!("{column}_renamed");
            rename(db, table, &column, &other).await?;
            let answers = (
                calls::preview_restore(db, archival).await?,
                calls::restore(db, archival).await?,
            );
            rename(db, table, &other, &column).await?;
            answers
        }
    };
    let triggers = &model.schema.triggers;
    let is_counted = |place: &Place| triggers[place.0].is_some_and(Trigger::acts);
    if back.waiting.iter().any(is_counted) {
        return match (preview, restored) {
            (Err(Refusal::Counted), Err(Refusal::Counted)) => Ok(false),
            answers => Err(format!(
                "archival {archival}: expected a refusal of {back:?}, got {answers:?}"
            )),
        };
    }
    let preview = preview.map_err(|error| format!("the preview failed: {error:?}"))?;
    check_restore_preview(&back, &preview)?;
    match (Model::refusal(&back), restored) {
        (None, Ok(restored)) => {
            let owners = owners(db).await.map_err(|error| error.to_string())?;
            check_restored(&back, &owners, &preview, &restored)?;
            let linked = model.restored(archival, &back, &owners)?;
            if linked != restored.relinked {
                return Err(format!(
                    "{} links were restored, expected {linked}",
                    restored.relinked
                ));
            }
            Ok(true)
        }
        (Some(Refusal::ParentArchived(None)), Err(Refusal::ParentArchived(_))) => Ok(false),
        (Some(refusal), Err(other)) if refusal == other => Ok(false),
        (refusal, other) => Err(format!(
            "archival {archival}: expected {refusal:?} of {back:?}, got {other:?}"
        )),
    }
}

async fn rename(db: &impl Executor, table: usize, from: &str, to: &str) -> Result<(), String> {
    let sql = format!(
        "alter table t{table} rename {from} to {to}; alter table deleted_t{table} rename {from} to {to}"
    );
    let done = db.execute_unprepared(&sql).await;
    done.map(|_| ()).map_err(|error| error.to_string())
}

fn check_restore_preview(back: &Return, preview: &RestorePreview) -> Result<(), String> {
    let mut rows = preview.rows.clone();
    rows.retain(|_, n| *n > 0);
    let waiting: u64 = preview.waiting.iter().map(|waiting| waiting.rows).sum();
    if rows != counts(back.rows.iter())
        || waiting != back.waiting.len() as u64
        || calls::texts(&preview.conflicts) != *back.all_conflicts()
    {
        return Err(format!("the preview is {preview:?}, expected {back:?}"));
    }
    Ok(())
}

fn check_restored(
    back: &Return,
    owners: &BTreeMap<Place, i64>,
    preview: &RestorePreview,
    restored: &Restored,
) -> Result<(), String> {
    let mut rows = restored.rows.clone();
    rows.retain(|_, n| *n > 0);
    let mut waiting: BTreeMap<(String, i64), u64> = BTreeMap::new();
    for place in &back.waiting {
        let owner = owners.get(place).copied().unwrap_or_default();
        *waiting
            .entry((format!("public.t{}", place.0), owner))
            .or_default() += 1;
    }
    let reported = restored
        .waiting
        .iter()
        .map(|w| ((w.table.clone(), w.archival), w.rows));
    if rows != counts(back.rows.iter())
        || restored.waiting != preview.waiting
        || reported.collect::<BTreeMap<_, _>>() != waiting
    {
        return Err(format!(
            "the restore returned {restored:?}, expected {back:?} with {waiting:?}"
        ));
    }
    Ok(())
}
