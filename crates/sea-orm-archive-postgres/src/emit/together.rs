//! Archivals whose roots refer to each other in a ring: none of them can be restored before another one.
//!
//! They are restored together.

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
         AND a.restored_at IS NULL AND a.purged_at IS NULL AND ARRAY[a.tenant] OPERATOR(pg_catalog.=) ARRAY[s.tenant] \
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

/// Whether a row of one of the archivals `$1` has a parent in them that was archived at another time.
pub fn crossing(plan: &RestorePlan, link: &ParentLink, archive_table: &ArchiveTable) -> String {
    let moved = &plan.tables[link.table];
    format!(
        "SELECT pg_catalog.to_jsonb(EXISTS (SELECT FROM {} AS t JOIN {} AS p ON {} WHERE t.{} OPERATOR(pg_catalog.=) ANY ($1) \
         AND p.{} OPERATOR(pg_catalog.=) ANY ($1) AND p.{} OPERATOR(pg_catalog.<>) t.{})) AS result",
        moved.archive_table.id.sql(),
        archive_table.id.sql(),
        joined(&link.key, "p", "t"),
        quote(&moved.archive_table.archival_id),
        quote(&archive_table.archival_id),
        quote(&archive_table.deleted_at),
        quote(&moved.archive_table.deleted_at),
    )
}
