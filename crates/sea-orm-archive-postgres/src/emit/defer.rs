//! Rows that cannot be restored yet, because another parent of theirs is archived too.
//!
//! They stay in their archive table and are deferred: reassigned from the archivals that are being restored to the archival of
//! the missing parent, whose restore also restores them. A row is never reassigned to an archival of another tenant, whose
//! restore would not see it: its parent counts as missing.

use std::collections::BTreeSet;

use super::partitions::and_of_archivals;
use super::rewrite::{is_rewritten, stop_unless_rewritten};
use super::tree::TAG;
use crate::catalog::{ArchiveTable, ForeignKey};
use crate::ident::{columns, joined, key_object, literal, object, quote, same_key, type_name};
use crate::model::{DetachedChild, Moved, RestorePlan};

/// A foreign key of a table that is restored, with the archive table of its parent.
#[derive(Clone, Debug)]
pub struct ParentLink {
    /// The index in the plan of the table that has the foreign key.
    pub table: usize,
    /// The foreign key.
    pub key: ForeignKey,
    /// The archive table of the parent, where it has one.
    pub archive_table: Option<ArchiveTable>,
}

/// Locks the archivals that rows will be deferred to, adds the table to their lists of tables, and returns their ids. NULL or no
/// row: no row has to wait.
///
/// Race: another transaction may be restoring one of them. Its restore holds the same lock: either it ends before the next
/// statement reads, and the parent is back, or it begins after the rows were reassigned.
///
/// `$1` are the archivals that are restored, all of one tenant: their roots never wait.
pub fn lock(plan: &RestorePlan, link: &ParentLink, archive_table: &ArchiveTable) -> String {
    let moved = &plan.tables[link.table];
    format!(
        "SELECT pg_catalog.to_jsonb(o.others) AS result, archive.defer_to($1, o.others, {}::pg_catalog.regclass) \
         FROM (SELECT pg_catalog.array_agg(DISTINCT p.{}) AS others FROM {} AS t JOIN {} AS p ON {} WHERE {} \
         HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0) AS o",
        literal(&moved.table.id.sql()),
        quote(&archive_table.archival_id),
        moved.archive_table.id.sql(),
        archive_table.id.sql(),
        joined(&link.key, "p", "t"),
        waits(plan, link, archive_table),
    )
}

/// Reassigns the rows to the archivals `$2`, which are locked. Returns the archivals, each with the number of rows that it got.
/// Raises if a trigger changed a row.
///
/// Races: a parent that was archived after the lock is in an archival that is not locked and does not list the table, so its
/// restore would not restore the row: such rows wait for the next round. A row that changes at the same time is locked, and
/// its newest version is read.
pub fn rows(plan: &RestorePlan, link: &ParentLink, archive_table: &ArchiveTable) -> String {
    let moved = &plan.tables[link.table];
    let table = moved.archive_table.id.sql();
    let tag = quote(&moved.archive_table.archival_id);
    let parent_tag = quote(&archive_table.archival_id);
    let given = format!("w.{TAG}");
    let new = [(moved.archive_table.archival_id.as_str(), given.clone())];
    let key = moved.table.key.iter().map(|c| c.name.as_str());
    let names: BTreeSet<_> = moved.written().chain(key).collect();
    format!(
        "WITH waiting AS MATERIALIZED (SELECT {}, p.{parent_tag} AS {TAG} FROM {table} AS t JOIN {} AS p ON {} \
         JOIN archive.archival AS a ON a.id OPERATOR(pg_catalog.=) p.{parent_tag} AND a.restored_at IS NULL AND a.purged_at IS NULL AND {} \
         WHERE p.{parent_tag} OPERATOR(pg_catalog.=) ANY ($2) AND {} FOR NO KEY UPDATE OF t), \
         given AS (UPDATE {table} AS t SET {tag} = {given} FROM waiting AS w WHERE {}{} RETURNING {given} AS archival, {} AS done) \
         SELECT g.archival, pg_catalog.count(*) AS rows FROM given AS g WHERE {} GROUP BY g.archival ORDER BY g.archival",
        columns("t", names),
        archive_table.id.sql(),
        joined(&link.key, "p", "t"),
        same_tenant("a"),
        waits(plan, link, archive_table),
        same_key(&moved.table.key, "w", "t"),
        and_of_archivals(moved, "t", "$1"),
        is_rewritten(moved, "w", &new),
        stop_unless_rewritten(moved, "g.done", "that has to wait for another parent"),
    )
}

/// How many rows the archivals `$1` hold of each table, as a JSON object.
pub fn held(plan: &RestorePlan) -> String {
    let counts: Vec<_> = plan
        .tables
        .iter()
        .map(|moved| {
            let count = format!(
                "(SELECT pg_catalog.count(*) FROM {} AS t WHERE t.{} OPERATOR(pg_catalog.=) ANY ($1))",
                moved.archive_table.id.sql(),
                quote(&moved.archive_table.archival_id)
            );
            (moved.table.id.to_string(), count)
        })
        .collect();
    format!("SELECT {} AS result", object(&counts))
}

/// The condition that the archival record `row` has the tenant of the archivals that are restored.
pub(super) fn same_tenant(row: &str) -> String {
    format!(
        "ARRAY[{row}.tenant] OPERATOR(pg_catalog.=) ARRAY(SELECT s.tenant FROM archive.archival AS s WHERE s.id OPERATOR(pg_catalog.=) ($1)[1])"
    )
}

/// The condition that the row `t` belongs to one of these archivals and is not its root, that its parent `p` belongs to another
/// archival, and that no active row has the key of the parent.
fn waits(plan: &RestorePlan, link: &ParentLink, archive_table: &ArchiveTable) -> String {
    let moved = &plan.tables[link.table];
    let tag = quote(&moved.archive_table.archival_id);
    format!(
        "t.{tag} OPERATOR(pg_catalog.=) ANY ($1) AND p.{} OPERATOR(pg_catalog.<>) ALL ($1) \
         AND NOT EXISTS (SELECT FROM {} AS o WHERE o.{} OPERATOR(pg_catalog.=) ANY ($1) AND {}) \
         AND NOT EXISTS (SELECT FROM archive.archival AS s WHERE s.id OPERATOR(pg_catalog.=) t.{tag} AND {}) AND {}",
        quote(&archive_table.archival_id),
        archive_table.id.sql(),
        quote(&archive_table.archival_id),
        joined(&link.key, "o", "t"),
        is_root(moved, "s", "t"),
        not_active(&link.key, "t"),
    )
}

/// The condition that no active row has the key of the parent of `row`.
pub(super) fn not_active(key: &ForeignKey, row: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM {} AS x WHERE {})",
        key.parent.sql(),
        joined(key, "x", row)
    )
}

/// The condition that `row` is the root of the archival record `record`. Where the key of the root was renamed or its values
/// changed with their type, the root is the only row of its table in the archival.
pub(super) fn is_root(moved: &Moved, record: &str, row: &str) -> String {
    let key = key_object(&moved.table.key, row);
    let (table, tag) = (
        moved.archive_table.id.sql(),
        quote(&moved.archive_table.archival_id),
    );
    format!(
        "{record}.tables[1]::pg_catalog.oid OPERATOR(pg_catalog.=) {} AND ({record}.root_key OPERATOR(pg_catalog.=) {key} \
         OR archive.is_renamed_key({record}.root_key, {key}) \
         OR (SELECT pg_catalog.count(*) FROM {table} AS one WHERE one.{tag} OPERATOR(pg_catalog.=) {record}.id) OPERATOR(pg_catalog.=) 1 \
            AND {row}.{tag} OPERATOR(pg_catalog.=) {record}.id)",
        moved.table.id.oid
    )
}

/// Reassigns the detached links to rows that were deferred to one of the archivals `$2`, whether the child is active or
/// archived.
pub fn links(child: &DetachedChild, plan: &RestorePlan) -> Vec<String> {
    let edges = child.edges.iter().filter_map(|edge| {
        let parent = plan
            .tables
            .iter()
            .find(|m| m.table.id.oid == edge.key.parent.oid)?;
        Some((&edge.key, parent))
    });
    edges
        .map(|(key, parent)| move_links(child, key, parent))
        .collect()
}

fn move_links(child: &DetachedChild, key: &ForeignKey, parent: &Moved) -> String {
    let own = format!(
        "l.child OPERATOR(pg_catalog.=) {}::pg_catalog.regclass AND l.edge OPERATOR(pg_catalog.=) {}",
        literal(&child.table.sql()),
        literal(&key.edge())
    );
    let pairs: Vec<_> = key
        .columns
        .iter()
        .map(|c| {
            // A link of another table may have a value of another type.
            let value = format!(
                "CASE WHEN {own} THEN (l.link OPERATOR(pg_catalog.->>) {})::{} END",
                literal(&c.child),
                type_name(&c.child_type)
            );
            format!("p.{} {} {value}", quote(&c.parent), c.equals)
        })
        .collect();
    format!(
        "SELECT archive.move_links(pg_catalog.array_agg(l.archival_id), {}::pg_catalog.regclass, pg_catalog.array_agg(p.{tag}), pg_catalog.array_agg(l.child_key), pg_catalog.array_agg(l.edge)) \
         FROM archive.links_of($1) AS l JOIN {} AS p ON {} JOIN archive.archival AS a ON a.id OPERATOR(pg_catalog.=) p.{tag} AND {} \
         WHERE {own} AND p.{tag} OPERATOR(pg_catalog.=) ANY ($2) HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0",
        literal(&child.table.sql()),
        parent.archive_table.id.sql(),
        pairs.join(" AND "),
        same_tenant("a"),
        tag = quote(&parent.archive_table.archival_id),
    )
}
