//! Rows that cannot come back yet, because another parent of theirs is archived too.
//!
//! They stay in their twin and change hands: from the archival that is being restored to the one
//! that holds the missing parent, whose restore brings them. Never to one of another tenant, whose restore would not
//! see them: such a parent is missing.

use super::name::{joined, key_object, literal, quote, type_name};
use crate::catalog::{ForeignKey, Twin};
use crate::plan::{DetachedChild, Moved, RestorePlan};

/// A foreign key of a table that is restored, and where the archived rows of its parent are.
#[derive(Clone, Debug)]
pub(crate) struct ParentLink {
    /// The table among those of the plan that holds the key.
    pub table: usize,
    pub key: ForeignKey,
    /// The archive table of the parent, where it has one.
    pub twin: Option<Twin>,
}

/// Locks the archivals that rows will be handed to, and notes there that they hold such rows.
///
/// Race: one of them may be restored at this moment. Its restore holds the same lock, so either it is
/// over when the next statement looks, and the parent is back, or it begins after the rows have come.
pub(crate) fn lock(plan: &RestorePlan, link: &ParentLink, twin: &Twin) -> String {
    let moved = &plan.tables[link.table];
    format!(
        "SELECT archive.defer_to($1, pg_catalog.array_agg(DISTINCT p.{}), {}::pg_catalog.regclass) \
         FROM {} AS t JOIN {} AS p ON {} WHERE {} HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0",
        quote(&twin.archival_id),
        literal(&moved.table.id.sql()),
        moved.twin.id.sql(),
        twin.id.sql(),
        joined(&link.key, "p", "t"),
        waits(plan, link, twin),
    )
}

/// Hands the rows over; answers with the archivals and how many rows each was given.
pub(crate) fn rows(plan: &RestorePlan, link: &ParentLink, twin: &Twin) -> String {
    let moved = &plan.tables[link.table];
    let tag = quote(&moved.twin.archival_id);
    format!(
        "WITH given AS (UPDATE {} AS t SET {tag} = p.{parent_tag} FROM {} AS p JOIN archive.archival AS a ON a.id = p.{parent_tag} AND a.restored_at IS NULL AND {} \
         WHERE {} AND {} RETURNING t.{tag} AS archival) \
         SELECT archival, pg_catalog.count(*) AS rows FROM given GROUP BY archival ORDER BY archival",
        moved.twin.id.sql(),
        twin.id.sql(),
        same_tenant("a"),
        joined(&link.key, "p", "t"),
        waits(plan, link, twin),
        parent_tag = quote(&twin.archival_id),
    )
}

/// What `row` is of the ledger has the tenant of the archival that is restored.
fn same_tenant(row: &str) -> String {
    format!(
        "{row}.tenant IS NOT DISTINCT FROM (SELECT s.tenant FROM archive.archival AS s WHERE s.id = $1)"
    )
}

/// The row `t` is of this archival and not its root; its parent `p` is of another, and no active row
/// has taken the parent's place.
fn waits(plan: &RestorePlan, link: &ParentLink, twin: &Twin) -> String {
    let moved = &plan.tables[link.table];
    let root = if link.table == 0 {
        format!(
            " AND {} <> (SELECT s.root_key FROM archive.archival AS s WHERE s.id = $1)",
            key_object(&moved.table.key, "t")
        )
    } else {
        String::new()
    };
    format!(
        "t.{} = $1 AND p.{} <> $1{root} AND NOT EXISTS (SELECT FROM {} AS x WHERE {})",
        quote(&moved.twin.archival_id),
        quote(&twin.archival_id),
        link.key.parent.sql(),
        joined(&link.key, "x", "t"),
    )
}

/// Links that were cut from a row that is handed over go with it, wherever the child is by now.
pub(crate) fn links(child: &DetachedChild, plan: &RestorePlan) -> Vec<String> {
    let edges = child.edges.iter().filter_map(|edge| {
        let parent = plan
            .tables
            .iter()
            .find(|m| m.table.id.oid == edge.key.parent.oid)?;
        Some((&edge.key, parent))
    });
    edges
        .map(|(key, parent)| hand_links(child, key, parent))
        .collect()
}

fn hand_links(child: &DetachedChild, key: &ForeignKey, parent: &Moved) -> String {
    let own = format!(
        "l.child OPERATOR(pg_catalog.=) {}::pg_catalog.regclass AND l.edge OPERATOR(pg_catalog.=) {}",
        literal(&child.table.sql()),
        literal(&key.edge())
    );
    let pairs: Vec<_> = key
        .columns
        .iter()
        .map(|c| {
            // A link of another table need not be of the type.
            let value = format!(
                "CASE WHEN {own} THEN (l.link OPERATOR(pg_catalog.->>) {})::{} END",
                literal(&c.child),
                type_name(&c.child_type)
            );
            format!("p.{} {} {value}", quote(&c.parent), c.equals)
        })
        .collect();
    format!(
        "SELECT archive.move_links($1, {}::pg_catalog.regclass, pg_catalog.array_agg(p.{tag}), pg_catalog.array_agg(l.child_key), pg_catalog.array_agg(l.edge)) \
         FROM archive.links_of($1) AS l JOIN {} AS p ON {} JOIN archive.archival AS a ON a.id = p.{tag} AND {} \
         WHERE {own} AND p.{tag} OPERATOR(pg_catalog.<>) $1 HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0",
        literal(&child.table.sql()),
        parent.twin.id.sql(),
        pairs.join(" AND "),
        same_tenant("a"),
        tag = quote(&parent.twin.archival_id),
    )
}
