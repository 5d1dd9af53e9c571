//! A restore that looks before it moves: for when something is in the way, or might be.
//!
//! In one transaction: rows whose parent is in another archival are deferred to that, every conflict
//! is collected, and only if there is none the rows move. A preview does the same and rolls back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive_postgres::emit::defer::{self, ParentLink};
use sea_orm_archive_postgres::emit::{conflict, orphan, relink};
use sea_orm_archive_postgres::model::RestorePlan;
use sea_orm_archive_postgres::sqlstate;

use super::target::{Target, keep, restored};
use crate::catalog;
use crate::error::{
    self, ConflictError, DriftError, Error, NotFoundError, RetryError, postgres, unexpected_answer,
};
use crate::exec::{ATTEMPTS, Executor, Sql, ask_here, back_off, begin, finish, is_stale};
use crate::plan;
use crate::planned::PlannedRestore;
use crate::report::{Conflict, LostLink, RestorePreview, Restored, Waiting};

/// How often to look again for what the database says is in the way.
const LOOKS: u32 = 3;

/// Restores the archival, or says everything that is in the way.
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
        let outcome = looked(&transaction, archival).await;
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
            // Race: what was not in the way when we looked is when we move. The next look finds it.
            Err(error) if is_violated(&error) && attempt < looks_for(&error) => {}
            outcome => return outcome.map_err(|error| violated(archival, &hidden, error)),
        }
        back_off(attempt).await;
        attempt += 1;
    }
}

/// What a restore would find.
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
    let found = looked(db, archival).await?;
    let rows = held(db, &found.plan, archival).await?;
    let waiting = found.waiting.clone();
    let mut not_relinked = found.parents_deleted.clone();
    not_relinked.extend(lost_links(db, &found.plan, archival).await?);
    let conflicts = if found.conflicts.is_empty() {
        // What no look can foresee is found by trying; the caller rolls it back.
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
    })
}

/// The detached links that a restore would not put back.
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

/// What a close look finds.
struct Found {
    plan: RestorePlan,
    waiting: Vec<Waiting>,
    /// Foreign keys that were set to NULL, since their parent was deleted for good.
    parents_deleted: Vec<LostLink>,
    conflicts: Vec<Conflict>,
}

/// Locks the archival, hands over what has to wait, and collects the conflicts of the rest.
async fn looked<T: ConnectionTrait>(db: &T, archival: i64) -> Result<Found, Error> {
    // Race: two restores of one archival come one after the other, and so do a restore and another
    // one that hands rows over to this archival.
    let lock = "SELECT pg_catalog.to_jsonb(archive.claim_archival($1)) AS result";
    let lock = Sql {
        text: lock.to_owned(),
        values: vec![archival.into()],
    };
    if ask_here(db, &lock)
        .await?
        .is_none_or(|claim| claim.is_null())
    {
        return Err(Error::NotFound(NotFoundError::Archival { archival }));
    }
    let plan = plan::from_record(db, archival).await?;
    let links = parent_links(db, &plan).await?;
    let parents_deleted = unlink_deleted_parents(db, &plan, &links, archival).await?;
    let mut deferral = Deferral::of(held(db, &plan, archival).await?);
    let mut looks = 0;
    // Ends: no row is deferred twice, and where none is, it goes on for a few looks only.
    let conflicts = loop {
        looks += 1;
        defer(db, &plan, &links, archival, &mut deferral).await?;
        let conflicts = conflicts(db, &plan, &links, archival).await?;
        // Race: a parent that is archived between the two is missing, and its rows can wait for it like
        // those of the others.
        let deferred = match conflicts.is_empty() {
            true => false,
            false => defer(db, &plan, &links, archival, &mut deferral).await?,
        };
        // Race: it is back before its rows are deferred. Then it is missing no more.
        let is_passing = looks < LOOKS && conflicts.iter().any(is_archived_parent);
        if !deferred && !is_passing {
            break conflicts;
        }
    };
    let waiting = deferral
        .waiting
        .into_iter()
        .map(|((table, archival), rows)| Waiting {
            table: plan.tables[table].table.id.to_string(),
            archival,
            rows,
        });
    Ok(Found {
        waiting: waiting.collect(),
        plan,
        parents_deleted,
        conflicts,
    })
}

/// A parent that was deleted for good with ON DELETE SET NULL left NULL in active rows: archived ones get it now.
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
        return Err(in_the_way(archival, &found.plan, found.conflicts));
    }
    let planned = Arc::new(PlannedRestore::from(found.plan));
    let answer = ask_here(db, &Target::archival(archival, by).call(&planned)).await;
    let answer = answer?
        .filter(|a| !a.is_null())
        .ok_or(Error::NotFound(NotFoundError::Archival { archival }))?;
    keep(&planned);
    let mut restored = restored(answer)?;
    restored.waiting = found.waiting;
    restored.not_relinked.extend(found.parents_deleted);
    Ok(restored)
}

/// A root whose own parent is archived has an error of its own: what to do is one other restore.
fn in_the_way(archival: i64, plan: &RestorePlan, conflicts: Vec<Conflict>) -> Error {
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

/// How often to look again: a parent that is archived between look and move can be another one each time, and
/// no look misses one that stays away. What a CHECK refuses, it refuses again.
fn looks_for(error: &Error) -> u32 {
    match error::code(error) {
        Some(code) if sqlstate::is_foreign_key(code) => ATTEMPTS,
        _ => LOOKS,
    }
}

/// Whether the database has refused a row.
fn is_violated(error: &Error) -> bool {
    error::code(error).is_some_and(sqlstate::is_constraint)
}

/// The tables of which row security hides rows from this role, as `schema.table`.
fn hidden_tables(found: &Found) -> Vec<String> {
    let tables = found.plan.tables.iter().map(|moved| &moved.table.id);
    tables
        .filter(|id| id.hides_rows)
        .map(ToString::to_string)
        .collect()
}

/// A constraint that no look can foresee: a CHECK that is newer than the archived rows, or a unique index whose
/// holder is hidden.
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

/// The foreign keys of the tables, with the archive tables of the tables they point at.
async fn parent_links<T: ConnectionTrait>(
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

/// Rows that were deferred, and how many there can be.
struct Deferral {
    /// How many rows the archival held before.
    held: u64,
    /// How many went where: of this table of the plan, to this archival.
    waiting: BTreeMap<(usize, i64), u64>,
}

impl Deferral {
    fn of(rows: BTreeMap<String, u64>) -> Self {
        Self {
            held: rows.into_values().sum(),
            waiting: BTreeMap::new(),
        }
    }

    /// Each row is deferred once. One that comes again was put back by somebody, and would be for ever.
    fn add(&mut self, plan: &RestorePlan, table: usize, to: i64, rows: u64) -> Result<(), Error> {
        *self.waiting.entry((table, to)).or_default() += rows;
        if self.waiting.values().sum::<u64>() <= self.held {
            return Ok(());
        }
        Err(Error::Drift(DriftError::Trigger {
            message: format!(
                "rows of {} that wait for a parent in archival {to} were put back, so nothing was restored: let no trigger of that \
             table write its archival ids, and try again",
                plan.tables[table].archive_table.id
            ),
        }))
    }
}

/// How many rows of each table the archival holds.
async fn held<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    archival: i64,
) -> Result<BTreeMap<String, u64>, Error> {
    let text = defer::held(plan);
    let values = vec![archival.into()];
    let held = ask_here(db, &Sql { text, values }).await?;
    serde_json::from_value(held.unwrap_or_default()).map_err(unexpected_answer)
}

/// Defers rows whose parent is in another archival, level by level, until there are none; says whether there were any.
async fn defer<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    archival: i64,
    deferral: &mut Deferral,
) -> Result<bool, Error> {
    let mut locked = BTreeSet::new();
    let mut any = false;
    loop {
        let mut deferred = false;
        for link in links {
            let Some(archive_table) = &link.archive_table else {
                continue;
            };
            let lock = Sql {
                text: defer::lock(plan, link, archive_table),
                values: vec![archival.into()],
            };
            let others = ask_here(db, &lock).await?.unwrap_or_default();
            let others: Option<Vec<i64>> =
                serde_json::from_value(others).map_err(unexpected_answer)?;
            let Some(others) = others else { continue };
            locked.extend(others.iter().copied());
            let rows = to_others(defer::rows(plan, link, archive_table), archival, others);
            for row in db.query_all_raw(rows).await? {
                let (to, rows): (i64, i64) =
                    (row.try_get("", "archival")?, row.try_get("", "rows")?);
                deferral.add(plan, link.table, to, rows.unsigned_abs())?;
                deferred = true;
            }
        }
        if !deferred {
            break;
        }
        any = true;
    }
    if locked.is_empty() {
        return Ok(any);
    }
    let others: Vec<i64> = locked.into_iter().collect();
    for child in &plan.detached {
        for sql in defer::links(child, plan) {
            let links = to_others(sql, archival, others.clone());
            db.execute_raw(links).await?;
        }
    }
    Ok(any)
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
    // On the path of the caller, where the functions of policies find what they name without a schema.
    let plain = conflict::statement(plan, plain.into_iter(), links).map(|text| Sql {
        text,
        values: vec![archival.into()],
    });
    // PostgreSQL writes expressions down for one path: on another one, code of a later schema could be called in them.
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

fn to_others(sql: String, archival: i64, others: Vec<i64>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [archival.into(), others.into()])
}
