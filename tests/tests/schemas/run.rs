//! Runs one story in one schema, in the database and in the model, step by step.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use sea_orm_archive::Executor;

use crate::schemas::calls;
use crate::schemas::database::{PRINT, compare, database, query};
use crate::schemas::model::{Link, Model, Place, Refusal, Row};
use crate::schemas::moves::{How, archive_one, archived, restore, restore_one};
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
        Boundaries::EachCall => take_all(&db, &mut model, steps, boundaries).await,
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

async fn take_all(
    db: &impl Executor,
    model: &mut Model,
    steps: &[Step],
    boundaries: Boundaries,
) -> Result<(), String> {
    for (n, step) in steps.iter().enumerate() {
        let at = |error| format!("step {n}, {step:?}: {error}");
        take(db, model, step, boundaries).await.map_err(at)?;
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
        take_all(&transaction, model, part, Boundaries::Transactions).await?;
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
            some |= restore(db, model, archival, How::ById).await?;
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

/// The column that a number chooses: of the key, of a foreign key, or another one.
fn column_of(model: &Model, table: usize, n: u8) -> String {
    let mut columns = vec!["id".to_owned(), "name".to_owned(), "load".to_owned()];
    if is_composite(table) {
        columns.push("area".to_owned());
    }
    for (n, edge) in model.schema.held_by(table) {
        columns.push(format!("e{n}"));
        if is_composite(edge.parent) {
            columns.push(format!("e{n}_area"));
        }
    }
    let n = usize::from(n) % columns.len();
    columns.swap_remove(n)
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

async fn take(
    db: &impl Executor,
    model: &mut Model,
    step: &Step,
    boundaries: Boundaries,
) -> Result<(), String> {
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
                Some(archival) => restore(db, model, archival, How::ById).await.map(|_| ()),
                None => Ok(()),
            }
        }
        Step::RestoreRenamed {
            archival,
            table,
            column,
        } => {
            let open: Vec<_> = model.tables.roots.keys().copied().collect();
            let Some(archival) = nth(&open, *archival) else {
                return Ok(());
            };
            let how = match boundaries {
                Boundaries::EachCall => How::Renamed(*table, column_of(model, *table, *column)),
                // PostgreSQL renames no column of a table with deferred events.
                Boundaries::Transactions => How::ById,
            };
            restore(db, model, archival, how).await.map(|_| ())
        }
        Step::DropColumn { table } if boundaries == Boundaries::EachCall => {
            let sql = format!(
                "alter table t{table} drop column if exists spare; alter table deleted_t{table} drop column if exists spare"
            );
            execute(db, &sql).await
        }
        Step::DropColumn { .. } | Step::Boundary { .. } => Ok(()),
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

/// `entities` has five entities.
const _: () = assert!(TABLES == 5);
