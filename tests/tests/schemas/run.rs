//! Runs one story in one schema, in the database and in the model, step by step.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use sea_orm_archive::Executor;
use sea_orm_archive::{Archival, ArchivePreview, RestorePreview, Restored};

use crate::schemas::calls;
use crate::schemas::database::{PRINT, compare, database, owners, query};
use crate::schemas::model::{Link, Model, Move, Place, Refusal, Return, Row};
use crate::schemas::schema::{Schema, TABLES, declare, is_composite};
use crate::schemas::steps::Step;

/// Where transactions begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundaries {
    EachCall,
    /// At the boundaries of the story.
    Transactions,
}

pub async fn run(schema: &Schema, steps: &[Step], boundaries: Boundaries) -> Result<(), String> {
    declare(schema);
    let (database, db) = database(schema).await;
    let mut model = Model::new(schema.clone());
    let done = match boundaries {
        Boundaries::EachCall => take_all(&db, &mut model, steps).await,
        Boundaries::Transactions => in_transactions(&db, &mut model, steps).await,
    };
    let done = match done {
        Ok(()) => restore_all(&db, &mut model).await,
        error => error,
    };
    db.close().await.unwrap();
    drop(database);
    done
}

async fn take_all(db: &impl Executor, model: &mut Model, steps: &[Step]) -> Result<(), String> {
    for (n, step) in steps.iter().enumerate() {
        let at = |error| format!("step {n}, {step:?}: {error}");
        take(db, model, step).await.map_err(at)?;
        compare(db, model).await.map_err(at)?;
    }
    Ok(())
}

async fn in_transactions(
    db: &DatabaseConnection,
    model: &mut Model,
    steps: &[Step],
) -> Result<(), String> {
    for part in steps.split_inclusive(|step| matches!(step, Step::Boundary { .. })) {
        let before = model.clone();
        let transaction = db.begin().await.map_err(|e| e.to_string())?;
        take_all(&transaction, model, part).await?;
        if let Some(Step::Boundary { commit: false }) = part.last() {
            transaction.rollback().await.map_err(|e| e.to_string())?;
            *model = before;
        } else {
            let committed = transaction.commit().await;
            committed.map_err(|error| format!("{part:?} cannot be committed: {error}"))?;
        }
        let after = |error| format!("after {part:?}: {error}");
        compare(db, model).await.map_err(after)?;
    }
    Ok(())
}

/// Restores everything at the end, except archivals with conflicts.
async fn restore_all(db: &DatabaseConnection, model: &mut Model) -> Result<(), String> {
    loop {
        let mut some = false;
        let archivals: Vec<_> = model.tables.roots.keys().copied().collect();
        for archival in archivals {
            some |= restore(db, model, archival, None).await?;
            compare(db, model).await?;
        }
        if !some {
            break;
        }
    }
    // Each remaining archival must wait for a row that was deleted or a value that is taken.
    let left = model.tables.roots.keys().copied();
    let refused: Vec<_> = left
        .map(|archival| (archival, Model::refusal(&model.restore(archival))))
        .collect();
    let hard =
        |(_, refusal): &(i64, Option<Refusal>)| matches!(refusal, Some(Refusal::Conflicts(_)));
    if !refused.is_empty() && !refused.iter().any(hard) {
        return Err(format!("these archivals wait for each other: {refused:?}"));
    }
    Ok(())
}

/// The element that a number chooses.
fn nth<T: Copy>(all: &[T], n: u8) -> Option<T> {
    let n = usize::from(n).checked_rem(all.len())?;
    Some(all[n])
}

fn active(model: &Model, table: usize) -> Vec<i64> {
    model.tables.active[table].keys().copied().collect()
}

/// An active or archived row, or one that does not exist.
fn anywhere(model: &Model, table: usize, n: u8) -> (i64, i32) {
    let active = model.tables.active[table].values();
    let archived = model.tables.archived[table].values().map(|(_, row)| row);
    let mut all: Vec<_> = active
        .chain(archived)
        .map(|row| (row.id, row.area))
        .collect();
    if all.is_empty() || n == 255 {
        all = vec![(-1, 0)];
    }
    nth(&all, n).expect("there is one")
}

async fn take(db: &impl Executor, model: &mut Model, step: &Step) -> Result<(), String> {
    match step {
        Step::Insert {
            table,
            parents,
            name,
            load,
            reuse,
        } => insert(db, model, *table, *parents, *name, load, *reuse).await,
        Step::Relink {
            table,
            row,
            edge,
            parent,
        } => match nth(&active(model, *table), *row) {
            Some(id) => relink(db, model, (*table, id), *edge, *parent).await,
            None => Ok(()),
        },
        Step::Change {
            table,
            row,
            name,
            load,
        } => match nth(&active(model, *table), *row) {
            Some(id) => change(db, model, (*table, id), *name, load).await,
            None => Ok(()),
        },
        Step::Delete { table, row } => match nth(&active(model, *table), *row) {
            Some(id) if !model.has_children((*table, id)) => {
                execute(db, &format!("delete from t{table} where id = {id}")).await?;
                model.forget_links((*table, id));
                model.tables.active[*table].remove(&id);
                Ok(())
            }
            _ => Ok(()),
        },
        Step::ArchiveOne { table, row } => {
            let (id, area) = anywhere(model, *table, *row);
            archive_one(db, model, (*table, id), area).await
        }
        Step::ArchiveMany { table, rows } => {
            let mut ids = active(model, *table);
            ids.retain(|id| rows & (1 << id.rem_euclid(8)) != 0);
            let preview = calls::preview_many(db, *table, &ids).await?;
            let archivals = calls::archive_many(db, *table, &ids).await?;
            archived(model, *table, &ids, preview, archivals)
        }
        Step::RestoreOne { table, row } => {
            let (id, area) = anywhere(model, *table, *row);
            restore_one(db, model, (*table, id), area).await
        }
        Step::RestoreArchival { archival } => {
            let open: Vec<_> = model.tables.roots.keys().copied().collect();
            match nth(&open, *archival) {
                Some(archival) => restore(db, model, archival, None).await.map(|_| ()),
                None => Ok(()),
            }
        }
        Step::Boundary { .. } => Ok(()),
    }
}

async fn execute(db: &impl ConnectionTrait, sql: &str) -> Result<(), String> {
    let done = db.execute_unprepared(sql).await;
    done.map(|_| ()).map_err(|error| format!("{sql}: {error}"))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn null_or(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// The columns of a row of which the model stores only a hash.
fn others(load: &str, n: i64) -> [(&'static str, String); 5] {
    let bytes: String = load.bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = serde_json::Value::from(load).to_string();
    [
        ("load", literal(load)),
        ("number", format!("{n}.50")),
        ("bytes", format!("'\\x{bytes}'")),
        (
            "document",
            literal(&format!("{{\"a\": [{text}, null, 1.0]}}")),
        ),
        (
            "at",
            format!("timestamptz '2024-02-29 12:00:00.123456+00' + interval '{n} microseconds'"),
        ),
    ]
}

/// A name that no active row has.
fn free_name(model: &Model, table: usize, n: u8) -> Option<String> {
    let name = ["a", "B", "ß'\\", ""]
        .get(usize::from(n % 6))
        .map(|name| (*name).to_owned());
    let mut rows = model.tables.active[table].values();
    let taken = model.schema.unique[table] && rows.any(|row| row.name == name);
    name.filter(|_| !taken)
}

async fn insert(
    db: &impl Executor,
    model: &mut Model,
    table: usize,
    parents: [u8; 4],
    name: u8,
    load: &str,
    reuse: bool,
) -> Result<(), String> {
    let mut links = BTreeMap::new();
    for (k, (n, edge)) in model.schema.held_by(table).enumerate() {
        let candidates: Vec<_> = model.tables.active[edge.parent].values().collect();
        let choice =
            parents[k % parents.len()].wrapping_add(u8::try_from(k / parents.len()).unwrap());
        let Some(parent) = nth(&candidates, choice / 4) else {
            if edge.required {
                return Ok(());
            }
            let area = edge.area_required.then_some(0);
            links.insert(n, Link { area, id: None });
            continue;
        };
        let linked = edge.required || choice % 4 != 0;
        let with_area = is_composite(edge.parent) && (linked || edge.area_required);
        links.insert(
            n,
            Link {
                area: with_area.then_some(parent.area),
                id: linked.then_some(parent.id),
            },
        );
    }
    let archived = model.tables.archived[table]
        .values()
        .map(|(_, row)| (row.id, row.area));
    let archived: Vec<_> = archived
        .filter(|(id, _)| !model.tables.active[table].contains_key(id))
        .collect();
    let (id, area) = match nth(&archived, name).filter(|_| reuse) {
        Some(archived) => archived,
        None => {
            model.last_id += 1;
            (model.last_id, i32::from(name % 2))
        }
    };
    let name = free_name(model, table, name);
    let mut columns = vec![
        ("id".to_owned(), id.to_string()),
        ("name".to_owned(), null_or(name.as_deref().map(literal))),
    ];
    if is_composite(table) {
        columns.push(("area".to_owned(), area.to_string()));
    }
    for (n, link) in &links {
        columns.push((format!("e{n}"), null_or(link.id)));
        if is_composite(model.schema.edges[*n].parent) {
            columns.push((format!("e{n}_area"), null_or(link.area)));
        }
    }
    columns.extend(others(load, id).map(|(column, value)| (column.to_owned(), value)));
    let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let sql = format!(
        "insert into t{table} ({}) overriding system value values ({}) returning to_jsonb({PRINT})",
        names.join(", "),
        values.join(", ")
    );
    let print = query(db, &sql)
        .await
        .map_err(|error| format!("{sql}: {error}"))?;
    let row = Row {
        area,
        id,
        name,
        print: print.as_str().unwrap_or_default().to_owned(),
        links,
    };
    model.tables.active[table].insert(id, row);
    Ok(())
}

async fn relink(
    db: &impl Executor,
    model: &mut Model,
    place: Place,
    edge: u8,
    parent: u8,
) -> Result<(), String> {
    let (table, id) = place;
    let edges: Vec<_> = model.schema.held_by(table).collect();
    let Some((n, edge)) = nth(&edges, edge) else {
        return Ok(());
    };
    let old = model.tables.active[table][&id].links[&n];
    let candidates: Vec<_> = model.tables.active[edge.parent].values().collect();
    let new = nth(&candidates, parent / 4).filter(|_| edge.required || !parent.is_multiple_of(4));
    if edge.required && new.is_none() {
        return Ok(());
    }
    let area = match new.filter(|_| is_composite(edge.parent)) {
        Some(row) => Some(row.area),
        // A required area is not changed, as a row would not change its tenant.
        None => old.area.filter(|_| edge.area_required),
    };
    let link = Link {
        area,
        id: new.map(|row| row.id),
    };
    let mut sql = format!("update t{table} set e{n} = {}", null_or(link.id));
    if is_composite(edge.parent) {
        sql += &format!(", e{n}_area = {}", null_or(link.area));
    }
    execute(db, &format!("{sql} where id = {id}")).await?;
    let row = model.tables.active[table]
        .get_mut(&id)
        .expect("it is active");
    row.links.insert(n, link);
    Ok(())
}

async fn change(
    db: &impl Executor,
    model: &mut Model,
    (table, id): Place,
    name: u8,
    load: &str,
) -> Result<(), String> {
    let name = free_name(model, table, name);
    let others = others(load, id + 7).map(|(column, value)| format!("{column} = {value}"));
    let sql = format!(
        "update t{table} set name = {}, {} where id = {id} returning to_jsonb({PRINT})",
        null_or(name.as_deref().map(literal)),
        others.join(", ")
    );
    let print = query(db, &sql)
        .await
        .map_err(|error| format!("{sql}: {error}"))?;
    let row = model.tables.active[table]
        .get_mut(&id)
        .expect("it is active");
    row.name = name;
    row.print = print.as_str().unwrap_or_default().to_owned();
    Ok(())
}

async fn archive_one(
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
fn archived(
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

async fn restore_one(
    db: &impl Executor,
    model: &mut Model,
    place: Place,
    area: i32,
) -> Result<(), String> {
    let archival = model.archival(place);
    let is_root = archival.is_some_and(|archival| model.tables.roots[&archival] == place);
    let refusal = match archival {
        Some(archival) if is_root => {
            return restore(db, model, archival, Some((place, area)))
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

/// Restores an archival, by its id or by its root, and returns whether that was possible.
async fn restore(
    db: &impl Executor,
    model: &mut Model,
    archival: i64,
    by_root: Option<(Place, i32)>,
) -> Result<bool, String> {
    let back = model.restore(archival);
    let (preview, restored) = match by_root {
        Some((place, area)) => (
            calls::preview_restore_one(db, place, area).await?,
            calls::restore_one(db, place, area).await?,
        ),
        None => (
            calls::preview_restore(db, archival).await?,
            calls::restore(db, archival).await?,
        ),
    };
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

/// `entities` has five entities.
const _: () = assert!(TABLES == 5);
