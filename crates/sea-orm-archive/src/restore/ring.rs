//! Archivals whose roots refer to each other in a ring, such as two people who are each other's mate. None of them can be
//! restored before another one, so all of them are restored together.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_archive_postgres::emit::defer::ParentLink;
use sea_orm_archive_postgres::emit::together;
use sea_orm_archive_postgres::model::RestorePlan;

use super::parent_links::parent_links;
use crate::error::Error;
use crate::plan;

/// The other archivals of the ring that the archival belongs to, in the order of their ids. Empty where it belongs to none.
pub(super) async fn of<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    archival: i64,
) -> Result<Vec<i64>, Error> {
    let mut queries = BTreeMap::new();
    let Some(root) = plan.tables.first().map(|moved| moved.table.id.oid) else {
        return Ok(Vec::new());
    };
    let mut needed: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    let mut next = BTreeMap::from([(root, vec![archival])]);
    // The loop ends: each archival is inspected once.
    while let Some((root, archivals)) = next.pop_first() {
        if let (false, Some(first)) = (queries.contains_key(&root), archivals.first()) {
            let needs = match needs(db, *first).await {
                // An archival that cannot be restored itself brings no other one back.
                Err(Error::Drift(_)) => Vec::new(),
                needs => needs?,
            };
            queries.insert(root, needs);
        }
        for archival in &archivals {
            needed.entry(*archival).or_default();
        }
        for query in &queries[&root] {
            let query = Statement::from_sql_and_values(
                DbBackend::Postgres,
                query,
                [archivals.clone().into()],
            );
            for row in db.query_all_raw(query).await? {
                let (from, to): (i64, i64) =
                    (row.try_get("", "archival")?, row.try_get("", "needed")?);
                needed.entry(from).or_default().insert(to);
                if !needed.contains_key(&to) {
                    let found = next.entry(row.try_get("", "root")?).or_default();
                    found.push(to);
                }
            }
        }
    }
    Ok(ring(&needed, archival))
}

/// The statements that find what the roots of archivals need that have the same root table as this one.
async fn needs<T: ConnectionTrait>(db: &T, archival: i64) -> Result<Vec<String>, Error> {
    let plan = plan::from_record(db, &[archival]).await?;
    let links = parent_links(db, &plan).await?;
    let links = links.iter().filter(|link| link.table == 0);
    let queries = links.filter_map(|link: &ParentLink| {
        let archive_table = link.archive_table.as_ref()?;
        Some(together::needed(&plan, link, archive_table))
    });
    Ok(queries.collect())
}

/// Those that this archival needs and that need it, directly or through others.
fn ring(needed: &BTreeMap<i64, BTreeSet<i64>>, archival: i64) -> Vec<i64> {
    let mut needing: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (from, all) in needed {
        for to in all {
            needing.entry(*to).or_default().insert(*from);
        }
    }
    let forward = reached(needed, archival);
    let backward = reached(&needing, archival);
    let both = forward.intersection(&backward).copied();
    both.filter(|other| *other != archival).collect()
}

/// The archivals that can be reached from this one.
fn reached(edges: &BTreeMap<i64, BTreeSet<i64>>, archival: i64) -> BTreeSet<i64> {
    let mut reached = BTreeSet::new();
    let mut next = vec![archival];
    while let Some(archival) = next.pop() {
        for to in edges.get(&archival).into_iter().flatten() {
            if reached.insert(*to) {
                next.push(*to);
            }
        }
    }
    reached
}
