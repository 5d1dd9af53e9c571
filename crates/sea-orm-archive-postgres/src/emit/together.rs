//! Archivals whose roots refer to each other in a ring: none of them can be restored before another one.
//!
//! They are restored together. The rows and links of the others are reassigned to the archival that is restored.

use super::defer::{ParentLink, is_root, not_active};
use crate::catalog::ArchiveTable;
use crate::ident::{joined, quote};
use crate::model::RestorePlan;

/// Which other archivals have a parent of the roots of the archivals `$1`, all of which have a root in the first table of the
/// plan. Returns `archival`, `needed` and the table of the root of `needed`.
pub fn needed(plan: &RestorePlan, link: &ParentLink, archive_table: &ArchiveTable) -> String {
    let moved = &plan.tables[link.table];
    format!(
        "SELECT DISTINCT s.id AS archival, a.id AS needed, a.tables[1]::pg_catalog.oid::bigint AS root \
         FROM archive.archival AS s JOIN {} AS t ON t.{} OPERATOR(pg_catalog.=) s.id JOIN {} AS p ON {} \
         JOIN archive.archival AS a ON a.id OPERATOR(pg_catalog.=) p.{} AND a.id OPERATOR(pg_catalog.<>) s.id \
         AND a.restored_at IS NULL AND a.purged_at IS NULL AND a.tenant IS NOT DISTINCT FROM s.tenant \
         WHERE s.id OPERATOR(pg_catalog.=) ANY ($1) AND {} AND {}",
        moved.archive_table.id.sql(),
        quote(&moved.archive_table.archival_id),
        archive_table.id.sql(),
        joined(&link.key, "p", "t"),
        quote(&archive_table.archival_id),
        is_root(moved, "s", "t"),
        not_active(&link.key, "t"),
    )
}

/// One statement for each table, which assigns the rows of the archivals `$2` to the archival `$1`.
///
/// Race: all of these archivals are locked, so none of their rows is restored or reassigned at the same time.
pub fn rows(plan: &RestorePlan) -> impl Iterator<Item = String> {
    plan.tables.iter().map(|moved| {
        let archival_id = quote(&moved.archive_table.archival_id);
        format!(
            "UPDATE {} AS t SET {archival_id} = $1 WHERE t.{archival_id} OPERATOR(pg_catalog.=) ANY ($2)",
            moved.archive_table.id.sql()
        )
    })
}

/// How many rows the archivals `$1` still have.
pub fn left(plan: &RestorePlan) -> String {
    let counts = plan.tables.iter().map(|moved| {
        format!(
            "(SELECT pg_catalog.count(*) FROM {} AS t WHERE t.{} OPERATOR(pg_catalog.=) ANY ($1))",
            moved.archive_table.id.sql(),
            quote(&moved.archive_table.archival_id)
        )
    });
    let counts: Vec<_> = counts.collect();
    format!(
        "SELECT pg_catalog.to_jsonb({}) AS result",
        counts.join(" OPERATOR(pg_catalog.+) ")
    )
}
