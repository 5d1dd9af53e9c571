//! Rehearses an archive and its restore in a transaction that is rolled back.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use sea_orm_archive_postgres::emit;
use serde_json::Value as Json;

use super::execute::{archivals, counted};
use super::request::Request;
use crate::archival::Model as Archival;
use crate::entity::Archivable;
use crate::error::{ConflictError, Error, of_archive, unexpected_answer};
use crate::exec::{Executor, Sql, ask, ask_here, begin, check_backend};
use crate::planned::{ArchiveSteps, Planned, Steps, planned};
use crate::report::{ChangedTable, Rehearsal, RowDifference};
use crate::restore::{Wanted, call_many, resolve};

/// The rows that this transaction has inserted, updated and deleted so far, by table, without those of the schema `archive`.
const CHANGES: &str = "SELECT pg_catalog.concat(s.schemaname, '.', s.relname) AS name, s.n_tup_ins, s.n_tup_upd, s.n_tup_del \
    FROM pg_catalog.pg_stat_xact_user_tables AS s \
    WHERE s.schemaname OPERATOR(pg_catalog.<>) 'archive' AND s.n_tup_ins OPERATOR(pg_catalog.+) s.n_tup_upd OPERATOR(pg_catalog.+) s.n_tup_del OPERATOR(pg_catalog.>) 0";

pub(super) async fn rehearse<E, C>(
    db: &C,
    request: &Request<E>,
    steps: fn(&Planned) -> &ArchiveSteps,
) -> Result<Rehearsal, Error>
where
    E: Archivable,
    C: Executor,
{
    check_backend(db)?;
    let mut plan = planned::<E>(db).await?;
    // It replaces a stale plan, and finds what blocks the archive.
    let preview = counted(db, request, &mut plan).await?.unwrap_or_default();
    if !preview.blockers.is_empty() {
        let table = plan.plan.root().table.id.to_string();
        let blocked = Error::Conflict(ConflictError::Blocked {
            table,
            blockers: preview.blockers,
        });
        return Ok(Rehearsal {
            refused: Some(blocked.to_string()),
            ..Rehearsal::default()
        });
    }
    let transaction = begin(db).await?;
    let rehearsal = rehearse_here(&transaction, request, &plan, steps(&plan)).await;
    transaction.rollback().await?;
    let mut rehearsal = rehearsal?;
    // Each link is cut and put back by an update of its row.
    for detached in &preview.detached {
        let mut tables = rehearsal.other_tables.iter_mut();
        if let Some(table) = tables.find(|changed| changed.table == detached.table) {
            let links = 2 * detached.rows;
            table.updated = table.updated.saturating_sub_unsigned(links).max(0);
        }
    }
    let is_changed = |t: &ChangedTable| (t.inserted, t.updated, t.deleted) != (0, 0, 0);
    rehearsal.other_tables.retain(is_changed);
    Ok(rehearsal)
}

async fn rehearse_here<E: Archivable>(
    db: &DatabaseTransaction,
    request: &Request<E>,
    plan: &Planned,
    steps: &ArchiveSteps,
) -> Result<Rehearsal, Error> {
    let before = changes(db).await?;
    let mut rehearsal = Rehearsal::default();
    let unproven = ArchiveSteps {
        steps: steps.steps.clone(),
        proof: None,
    };
    let archived = ask_here(db, &request.call(&plan.plan, &unproven, true)).await;
    let archived = match archived.map_err(|error| of_archive(&plan.plan, &plan.restore.plan, error))
    {
        Ok(answer) => archivals(answer)?,
        Err(error) => {
            rehearsal.refused = Some(error.to_string());
            return Ok(rehearsal);
        }
    };
    rehearsal.archivals = archived.len() as u64;
    for archival in &archived {
        for (table, rows) in archival.rows() {
            *rehearsal.rows.entry(table).or_default() += rows;
        }
    }
    // First without listing the rows, so that the effects on other tables are counted once.
    let restored = begin(db).await?;
    let tenants = by_tenant(&archived);
    for archivals in &tenants {
        let wanted = Wanted::many(archivals.clone(), None);
        if let Err(error) = resolve::restore(&restored, &wanted, None).await {
            rehearsal.refused = Some(error.to_string());
            break;
        }
    }
    if rehearsal.refused.is_none() {
        rehearsal.other_tables = other_tables(plan, &before, changes(&restored).await?);
    }
    restored.rollback().await?;
    list_differences(db, plan, tenants, &mut rehearsal).await?;
    Ok(rehearsal)
}

/// Restores the rows once more, to list those that would not come back as they were.
async fn list_differences(
    db: &DatabaseTransaction,
    plan: &Planned,
    tenants: Vec<Vec<i64>>,
    rehearsal: &mut Rehearsal,
) -> Result<(), Error> {
    let listing = Steps::new(
        emit::restore::rehearsal(&plan.restore.plan),
        emit::moving_back(&plan.restore.plan),
    );
    for archivals in tenants {
        let ids = Sql {
            text: String::new(),
            values: vec![archivals.into()],
        };
        let find = "SELECT i.id FROM pg_catalog.unnest($1::bigint[]) AS i(id)";
        let call = call_many(&plan.restore, &listing, find, ids, None);
        match ask(db, &call).await {
            Ok(Some(answer)) => {
                let found: Vec<RowDifference> =
                    serde_json::from_value(answer).map_err(unexpected_answer)?;
                let found = found.into_iter().map(differing_columns);
                rehearsal.differences.extend(found);
            }
            Ok(None) => {}
            // The listing also fires what the restore left to the commit, such as the check of the audit log.
            Err(error) if rehearsal.refused.is_none() => {
                rehearsal.refused = Some(error.to_string());
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// The ids of the archivals, those of each tenant together.
fn by_tenant(archived: &[Archival]) -> Vec<Vec<i64>> {
    let mut tenants: BTreeMap<Option<&str>, Vec<i64>> = BTreeMap::new();
    for archival in archived {
        let ids = tenants.entry(archival.tenant.as_deref()).or_default();
        ids.push(archival.id);
    }
    tenants.into_values().collect()
}

/// Leaves only the columns that differ.
fn differing_columns(mut difference: RowDifference) -> RowDifference {
    if let (Json::Object(archived), Json::Object(restored)) =
        (&mut difference.archived, &mut difference.restored)
    {
        archived.retain(|name, value| restored.get(name) != Some(value));
        restored.retain(|name, _| archived.contains_key(name));
    }
    difference
}

type Counts = BTreeMap<String, [i64; 3]>;

async fn changes(db: &DatabaseTransaction) -> Result<Counts, Error> {
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, CHANGES))
        .await?;
    let mut counts = Counts::new();
    for row in rows {
        let mut count = [0; 3];
        for (n, column) in ["n_tup_ins", "n_tup_upd", "n_tup_del"]
            .into_iter()
            .enumerate()
        {
            count[n] = row.try_get("", column)?;
        }
        counts.insert(row.try_get("", "name")?, count);
    }
    Ok(counts)
}

/// The tables with other changes than before, without those whose rows the plan moves.
fn other_tables(plan: &Planned, before: &Counts, after: Counts) -> Vec<ChangedTable> {
    let plan = &plan.restore.plan;
    let moved = plan
        .tables
        .iter()
        .flat_map(|moved| [&moved.table.id, &moved.archive_table.id]);
    let known: Vec<_> = moved.map(ToString::to_string).collect();
    let changed = after
        .into_iter()
        .filter(|(table, _)| !known.contains(table));
    let changed = changed.map(|(table, counts)| {
        let before = before.get(&table).copied().unwrap_or_default();
        ChangedTable {
            table,
            inserted: counts[0] - before[0],
            updated: counts[1] - before[1],
            deleted: counts[2] - before[2],
        }
    });
    changed.collect()
}
