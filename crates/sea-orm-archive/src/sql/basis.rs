//! The condition that every moving statement carries: the tables are those of the plan.

use super::name::literal;
use crate::plan::Basis;

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
            "(CASE WHEN pg_catalog.to_regclass({})::oid = {oid} THEN true ELSE archive.stop('AR001', 'the search_path finds other tables') END)",
            literal(name)
        )
    });
    std::iter::once(unchanged)
        .chain(resolved)
        .collect::<Vec<_>>()
        .join(" AND ")
}
