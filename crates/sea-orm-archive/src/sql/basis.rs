//! What every moving statement carries: the condition that the tables are those of the plan, and word
//! to their triggers that this is a move.

use super::name::literal;
use crate::plan::{Basis, DetachedChild, Moved};

/// True while the tables are those that the plan was made from.
pub(crate) fn unchanged(basis: &Basis) -> String {
    let names: Vec<_> = basis.names.iter().map(|name| literal(name)).collect();
    let unchanged = format!(
        "archive.unchanged({}, ARRAY[{}])",
        basis.fingerprint,
        names.join(", ")
    );
    // A new table earlier in the search_path takes a name over without changing any table of the
    // plan, so names without a schema are looked up each time.
    let resolved = basis.resolved.iter().map(|(name, oid)| {
        format!(
            "(CASE WHEN pg_catalog.to_regclass({})::pg_catalog.oid OPERATOR(pg_catalog.=) {oid} THEN true ELSE archive.stop('AR001', 'the search_path finds other tables') END)",
            literal(name)
        )
    });
    std::iter::once(unchanged)
        .chain(resolved)
        .collect::<Vec<_>>()
        .join(" AND ")
}

/// Sets `archive.moving`, which the triggers of these tables read at the end of the statement: `750:`, the
/// transaction, `,16400,` for a table or twin whose rows move, `~16500,` for one whose links are cut or put back.
/// `archive.run` clears it. With the transaction, since a pooled session may have the setting of an earlier user.
///
/// It is a hint and no proof, since anybody can set it: the audit log takes a row that left for archived only
/// when it sees it arrive in the twin.
pub(crate) fn moving<'a>(
    moved: impl Iterator<Item = &'a Moved>,
    detached: &[DetachedChild],
) -> String {
    let tables = moved.map(|m| format!("{},{},", m.table.id.oid, m.twin.id.oid));
    let linked = detached.iter().map(|child| {
        let twin = child.twin.as_ref().map(|twin| format!("~{},", twin.id.oid));
        format!("~{},{}", child.table.oid, twin.unwrap_or_default())
    });
    format!(
        "pg_catalog.set_config('archive.moving', pg_catalog.concat(pg_catalog.pg_current_xact_id(), {}), true)",
        literal(&format!(":,{}", tables.chain(linked).collect::<String>()))
    )
}
