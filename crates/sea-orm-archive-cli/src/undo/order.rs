//! The order of the steps of an undo.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::DatabaseConnection;

use super::step::{Action, Step};
use crate::answer::raw;
use crate::failure::Failure;
use crate::query::rows;

/// Puts the steps into an order in which foreign keys hold.
///
/// The reverse of what happened passes through states that existed, except that the log has a cascade after the deletion that caused it. So among
/// neighbouring steps that insert and update, those of a parent's table come before those of its children. The order within a table stays, for unique
/// indexes.
pub(super) async fn order(db: &DatabaseConnection, steps: Vec<Step>) -> Result<Vec<Step>, Failure> {
    let ranks = ranks(db).await?;
    let rank = |step: &Step| match &step.action {
        Action::Insert(row, _) | Action::Update(row, _, _) => {
            Some(ranks.get(&row.name).copied().unwrap_or_default())
        }
        _ => None,
    };
    let mut ordered: Vec<Step> = Vec::new();
    let mut run: Vec<Step> = Vec::new();
    for step in steps {
        if rank(&step).is_none() {
            run.sort_by_key(|step| rank(step));
            ordered.append(&mut run);
            ordered.push(step);
        } else {
            run.push(step);
        }
    }
    run.sort_by_key(|step| rank(step));
    ordered.append(&mut run);
    Ok(ordered)
}

const FOREIGN_KEYS: &str = "
    SELECT DISTINCT pg_catalog.concat(n.nspname, '.', c.relname) AS child, pg_catalog.concat(pn.nspname, '.', p.relname) AS parent
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_class AS p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
    WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
      AND EXISTS (SELECT FROM archive.audited_table AS r WHERE r.relation = c.oid) AND EXISTS (SELECT FROM archive.audited_table AS r WHERE r.relation = p.oid)";

/// How many tables are above each audited table, at most; a ring of foreign keys counts once.
async fn ranks(db: &DatabaseConnection) -> Result<BTreeMap<String, usize>, Failure> {
    let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in rows(db, FOREIGN_KEYS, Vec::new()).await? {
        parents
            .entry(raw(&key["child"]))
            .or_default()
            .insert(raw(&key["parent"]));
    }
    let mut ranks: BTreeMap<String, usize> = BTreeMap::new();
    // Longest paths: as many rounds as there are tables, so that a ring ends.
    for _ in 0..parents.len() {
        for (child, above) in &parents {
            let highest = above
                .iter()
                .map(|parent| ranks.get(parent).copied().unwrap_or_default() + 1)
                .max();
            ranks.insert(child.clone(), highest.unwrap_or_default());
        }
    }
    Ok(ranks)
}
