//! Takes rows out of an archival, or copies them, as archivals of their own.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive_postgres::emit::copy::{self, KeyDefaults};
use sea_orm_archive_postgres::emit::defer::{self, ParentLink};
use sea_orm_archive_postgres::emit::no_copied_key_twice;
use sea_orm_archive_postgres::emit::split;
use sea_orm_archive_postgres::model::RestorePlan;
use sea_orm_archive_postgres::sqlstate;
use serde_json::Value as Json;

use super::change::refuse_counted;
use crate::error::{Error, RefusedError, postgres, unexpected_answer};
use crate::exec::{Sql, ask_here};
use crate::report::{ArchivalConflicts, Conflict, Stayed};

/// How many rows of which table an archival has.
type Rows = BTreeMap<String, u64>;

/// Takes the rows with these keys out of an archival, each with the rows below it. Returns the new archivals, each with its key and rows;
/// none for a key that is not in the archival (any more), or that of its root.
pub(super) async fn split<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    source: i64,
    n: usize,
    keys: &[Json],
) -> Result<Vec<Part>, Error> {
    refuse_counted(plan)?;
    require_seen(db, plan).await?;
    let (drawn, ids) = draw(db, keys.len()).await?;
    let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let take = Sql {
        text: split::rows(plan, n),
        values: vec![vec![source].into(), texts.into(), ids.clone().into()],
    };
    let taken = ask_here(db, &take).await?.unwrap_or_default();
    let taken: Vec<i64> = serde_json::from_value(taken).map_err(unexpected_answer)?;
    let parts = ids.iter().zip(keys).filter(|(id, _)| taken.contains(id));
    let parts: Vec<_> = parts.map(|(id, key)| (*id, key.clone())).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let both = || vec![vec![source].into(), taken.clone().into()];
    let below = links.iter().filter_map(|link| split::below(plan, link));
    let below: Vec<String> = below.collect();
    // The loop ends: each round takes rows out of the archival, or is the last.
    loop {
        let mut any = false;
        for text in &below {
            let values = both();
            let text = text.clone();
            any |= ask_here(db, &Sql { text, values }).await? != Some(Json::from(0));
        }
        if !any {
            break;
        }
    }
    let rows = record(db, plan, n, source, drawn, &parts).await?;
    for child in &plan.detached {
        for text in defer::links(child, plan) {
            let move_links = Statement::from_sql_and_values(DbBackend::Postgres, text, both());
            db.execute_raw(move_links).await?;
        }
    }
    let parts = parts.into_iter().map(|(archival, key)| Part {
        archival,
        key,
        rows: rows.get(&archival).cloned().unwrap_or_default(),
    });
    Ok(parts.collect())
}

/// Rows that were taken out of an archival.
pub(super) struct Part {
    /// Their archival.
    pub archival: i64,
    /// The key of its root.
    pub key: Json,
    pub rows: Rows,
}

/// Copies the rows of an archival with new keys, and returns the archival of the copies.
pub(super) async fn copy<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    source: i64,
) -> Result<i64, Error> {
    require_seen(db, plan).await?;
    let [lock, unchanged] = copy::locks(plan);
    db.execute_unprepared(&lock).await?;
    let unchanged = Sql {
        text: unchanged,
        values: Vec::new(),
    };
    ask_here(db, &unchanged).await?;
    let defaults = Sql {
        text: "SELECT archive.key_defaults($1::bigint[]::pg_catalog.oid[]) AS result".to_owned(),
        values: vec![oids(plan).into()],
    };
    let defaults = ask_here(db, &defaults).await?.unwrap_or_default();
    let defaults: KeyDefaults = serde_json::from_value(defaults).map_err(unexpected_answer)?;
    let text = copy::statement(plan, &defaults).map_err(|moved| {
        Error::Refused(RefusedError::RestorePolicy {
            table: moved.table.id.to_string(),
            problem: "no column of the primary key is an identity column, takes its default from a sequence or a random uuid, or refers to a \
                      row that gets a new key, so `.as_new()` has no new key for its rows"
                .to_owned(),
        })
    })?;
    let (drawn, ids) = draw(db, 1).await?;
    let id = ids.first().copied().unwrap_or_default();
    // The defaults are written for the search_path of this function.
    let copy = Sql {
        text: "SELECT archive.answer($1, $2) AS result".to_owned(),
        values: vec![text.into(), vec![source, id].into()],
    };
    let copied = ask_here(db, &copy).await;
    let copied = copied
        .map_err(|error| key_taken(plan, error))?
        .unwrap_or_default();
    if let Some(text) = no_copied_key_twice(plan) {
        let values = vec![vec![id].into()];
        let checked = ask_here(db, &Sql { text, values }).await;
        checked.map_err(|error| key_taken(plan, error))?;
    }
    let key = copied["key"].as_str().unwrap_or("null");
    let key = serde_json::from_str(key).map_err(unexpected_answer)?;
    record(db, plan, 0, source, drawn, &[(id, key)]).await?;
    Ok(id)
}

/// The error for a new key that an archived row has.
fn key_taken(plan: &RestorePlan, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    let Some(e) = postgres(source).filter(|e| sqlstate::is_constraint(e.code())) else {
        return error;
    };
    let mut tables = plan.tables.iter();
    let table = tables.find(|moved| Some(moved.archive_table.id.table.as_str()) == e.table());
    let table = table.map_or_else(
        || "the archive table".to_owned(),
        |moved| moved.table.id.to_string(),
    );
    Error::Refused(RefusedError::RestorePolicy {
        table,
        problem: format!(
            "an archived row has the key of a copy ({}): if the sequence of the key lags behind, call manager.reset_id_sequence(..); a row whose key \
             is that of a parent which is not copied with it cannot be copied",
            e.detail().unwrap_or(e.message())
        ),
    })
}

/// Raises where policies of the application may hide rows of these tables from the role.
async fn require_seen<T: ConnectionTrait>(db: &T, plan: &RestorePlan) -> Result<(), Error> {
    let seen = Sql {
        text: "SELECT pg_catalog.to_jsonb(archive.require_seen($1::bigint[]::pg_catalog.oid[])) AS result"
            .to_owned(),
        values: vec![oids(plan).into()],
    };
    ask_here(db, &seen).await.map(drop)
}

fn oids(plan: &RestorePlan) -> Vec<i64> {
    plan.tables.iter().map(|moved| moved.table.id.oid).collect()
}

/// Draws ids of archivals, with the proof that this transaction has drawn them.
async fn draw<T: ConnectionTrait>(db: &T, archivals: usize) -> Result<(Json, Vec<i64>), Error> {
    let archivals = i32::try_from(archivals).map_err(unexpected_answer)?;
    let draw = Sql {
        text: "SELECT archive.draw_archivals($1) AS result".to_owned(),
        values: vec![archivals.into()],
    };
    let drawn = ask_here(db, &draw).await?.unwrap_or_default();
    let ids = serde_json::from_value(drawn["ids"].clone()).map_err(unexpected_answer)?;
    Ok((drawn, ids))
}

/// Records the archivals of rows that were taken or copied from another one, with the keys of their roots.
async fn record<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    n: usize,
    source: i64,
    drawn: Json,
    parts: &[(i64, Json)],
) -> Result<BTreeMap<i64, Rows>, Error> {
    let (ids, keys): (Vec<i64>, Vec<String>) =
        parts.iter().map(|(id, key)| (*id, key.to_string())).unzip();
    let record = Sql {
        text: split::record(plan, n),
        values: vec![
            ids.into(),
            keys.into(),
            drawn.to_string().into(),
            source.into(),
        ],
    };
    let rows = ask_here(db, &record).await?.unwrap_or_default();
    serde_json::from_value(rows).map_err(unexpected_answer)
}

/// Leaves the rows with conflicts in archivals of their own. Returns them; none where only roots have conflicts.
pub(super) async fn leave<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    conflicts: &[ArchivalConflicts],
) -> Result<Vec<Stayed>, Error> {
    let mut all = Vec::new();
    for found in conflicts {
        let Some(source) = found.archival else {
            continue;
        };
        for (n, moved) in plan.tables.iter().enumerate() {
            let title = moved.table.id.to_string();
            let mut rows: Vec<(Json, Vec<Conflict>)> = Vec::new();
            for conflict in &found.conflicts {
                let Some(key) = key_in(conflict, &title) else {
                    continue;
                };
                match rows.iter_mut().find(|(other, _)| other == key) {
                    Some((_, conflicts)) => conflicts.push(conflict.clone()),
                    None => rows.push((key.clone(), vec![conflict.clone()])),
                }
            }
            if rows.is_empty() {
                continue;
            }
            rows.sort_by_cached_key(|(key, _)| key.to_string());
            let keys: Vec<Json> = rows.iter().map(|(key, _)| key.clone()).collect();
            // A row below one that was taken out before has left the archival with it, and the root stays.
            for part in split(db, plan, links, source, n, &keys).await? {
                let found = rows.iter().find(|(key, _)| *key == part.key);
                all.push(Stayed {
                    archival: Some(part.archival),
                    table: title.clone(),
                    conflicts: found
                        .map(|(_, conflicts)| conflicts.clone())
                        .unwrap_or_default(),
                    key: part.key,
                    rows: part.rows,
                });
            }
        }
    }
    Ok(all)
}

/// The key of the archived row, if it is a row of this table.
fn key_in<'a>(conflict: &'a Conflict, in_table: &str) -> Option<&'a Json> {
    match conflict {
        Conflict::Unique { table, key, .. }
        | Conflict::KeyTaken { table, key, .. }
        | Conflict::MissingParent { table, key, .. } => (table == in_table).then_some(key),
        Conflict::Unseen { .. } | Conflict::Violated { .. } => None,
    }
}
