//! The parts of every moving statement that depend on the plan: the condition that the tables are unchanged, and the
//! announcement of the move to their triggers.

use crate::ident::literal;
use crate::model::{DetachedChild, Freshness, Moved, RestorePlan};
use crate::sqlstate::STALE_PLAN;

/// The condition that the tables are as they were when the plan was built. It is part of each statement that is prepared from
/// the plan.
pub fn unchanged(freshness: &Freshness) -> String {
    let names: Vec<_> = freshness.names.iter().map(|name| literal(name)).collect();
    format!(
        "archive.unchanged({}, ARRAY[{}])",
        freshness.fingerprint,
        names.join(", ")
    )
}

/// The condition that the `search_path` resolves the names to the same tables. It is part of each call: a new table in an earlier
/// schema of the path takes over a name without a change of any table of the plan.
pub fn resolved(freshness: &Freshness) -> String {
    if freshness.resolved.is_empty() {
        return "true".to_owned();
    }
    let names = freshness.resolved.iter();
    let found = names.map(|(name, _)| format!("pg_catalog.to_regclass({})", literal(name)));
    let expected = freshness.resolved.iter().map(|(_, oid)| oid.to_string());
    format!(
        "CASE WHEN ARRAY[{}]::pg_catalog.oid[] OPERATOR(pg_catalog.=) '{{{}}}'::pg_catalog.oid[] \
         THEN true ELSE archive.stop('{STALE_PLAN}', 'the search_path finds other tables') END",
        found.collect::<Vec<_>>().join(", "),
        expected.collect::<Vec<_>>().join(",")
    )
}

/// The value of `archive.moving` without the number of the transaction: `:,16400,` for a table or archive table whose rows move,
/// `~16500,` for one whose links are cut or put back.
pub fn moving<'a>(moved: impl Iterator<Item = &'a Moved>, detached: &[DetachedChild]) -> String {
    let tables = moved.map(|m| format!("{},{},", m.table.id.oid, m.archive_table.id.oid));
    let linked = detached.iter().map(|child| {
        let archive_table = child
            .archive_table
            .as_ref()
            .map(|archive_table| format!("~{},", archive_table.id.oid));
        format!("~{},{}", child.table.oid, archive_table.unwrap_or_default())
    });
    format!(":,{}", tables.chain(linked).collect::<String>())
}

/// The same for a restore. Where triggers may change the restored rows, these may be updated to what was archived, and no update
/// of the move is stamped.
pub fn moving_back(plan: &RestorePlan) -> String {
    let mut moving = moving(plan.tables.iter(), &plan.detached);
    if !plan.acting().is_empty() {
        let updated = plan.tables.iter().map(|m| format!("~{},", m.table.id.oid));
        moving.extend(updated);
    }
    moving
}
