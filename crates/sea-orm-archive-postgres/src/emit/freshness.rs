//! What every moving statement carries: the condition that the tables are those of the plan, and word
//! to their triggers that this is a move.

use crate::ident::literal;
use crate::model::{Basis, DetachedChild, Moved};
use crate::sqlstate::STALE_PLAN;

/// SQL: true while the tables are those that the plan was made from. Part of each statement that is planned with it.
pub fn unchanged(basis: &Basis) -> String {
    let names: Vec<_> = basis.names.iter().map(|name| literal(name)).collect();
    format!(
        "archive.unchanged({}, ARRAY[{}])",
        basis.fingerprint,
        names.join(", ")
    )
}

/// SQL: true while the `search_path` finds these tables. Part of each call: a new table earlier in the path takes a
/// name over without changing any table of the plan.
pub fn resolved(basis: &Basis) -> String {
    if basis.resolved.is_empty() {
        return "true".to_owned();
    }
    let names = basis.resolved.iter();
    let found = names.map(|(name, _)| format!("pg_catalog.to_regclass({})", literal(name)));
    let expected = basis.resolved.iter().map(|(_, oid)| oid.to_string());
    format!(
        "CASE WHEN ARRAY[{}]::pg_catalog.oid[] OPERATOR(pg_catalog.=) '{{{}}}'::pg_catalog.oid[] \
         THEN true ELSE archive.stop('{STALE_PLAN}', 'the search_path finds other tables') END",
        found.collect::<Vec<_>>().join(", "),
        expected.collect::<Vec<_>>().join(",")
    )
}

/// What `archive.run` sets `archive.moving` to, but for the transaction: `:,16400,` for a table or archive table whose
/// rows move, `~16500,` for one whose links are cut or put back.
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
