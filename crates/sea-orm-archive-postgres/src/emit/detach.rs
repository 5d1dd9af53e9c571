//! The links that an archive sets to NULL, in rows that stay active and in rows that are archived already.
//!
//! Both kinds are recorded under the archival of the parent. So an archived row can be restored without its parent, and the
//! restore of the parent puts the link back, whether the row is active or archived then.

use super::tree::{TAG, unless_moved};
use crate::ident::{columns, exact, joined, key_array, literal, object, quote, same_key};
use crate::model::{DetachedChild, Plan};
use crate::sqlstate::{SERIALIZATION_FAILURE, TRIGGER};

// The columns that the expressions have in addition to the key of the child.
const TENANT: &str = "\"archive.tenant\"";
const EDGE: &str = "\"archive.edge\"";
const EDGES: &str = "\"archive.edges\"";
const LINK: &str = "\"archive.link\"";
const ARCHIVED: &str = "\"archive.archived\"";
const DONE: &str = "\"archive.done\"";

/// Finds the links and sets them to NULL, in the table and in its archive table. `moved` names the expression of the rows that
/// move.
///
/// One UPDATE for each table: PostgreSQL silently ignores a second update of the same row in the same statement.
///
/// Races: the step before locked the rows of both tables. An archive of such a row that committed after the snapshot of that
/// step committed before the snapshot of this one. A restore of an archived child holds the lock of its row and waits for
/// the lock of its parent, which this archive holds: one of the two fails with 40P01 and is retried.
pub(super) fn cut(
    plan: &Plan,
    d: usize,
    child: &DetachedChild,
    moved: &dyn Fn(usize) -> String,
) -> Vec<String> {
    let mut parts = vec![links(plan, d, child, moved)];
    parts.extend(update(child, &format!("{d}"), d, &child.table.sql(), false));
    if let Some(archive_table) = &child.archive_table {
        let name = format!("archived_{d}");
        parts.extend(update(child, &name, d, &archive_table.id.sql(), true));
    }
    parts
}

fn key(child: &DetachedChild) -> impl Iterator<Item = &str> {
    child.key.iter().map(|c| c.name.as_str())
}

fn links(plan: &Plan, d: usize, child: &DetachedChild, moved: &dyn Fn(usize) -> String) -> String {
    let tenant = child.table.tenant.as_ref();
    let tenant =
        tenant.map(|tenant| format!(", {} AS {TENANT}", child.table.tenant_text("t", tenant)));
    let tenant = tenant.unwrap_or_default();
    let archived = child
        .archive_table
        .iter()
        .map(|archive_table| (archive_table.id.sql(), true));
    let tables: Vec<_> = std::iter::once((child.table.sql(), false))
        .chain(archived)
        .collect();
    let links = child.edges.iter().flat_map(|edge| {
        let columns_of_key = edge.key.columns.iter();
        let old: Vec<_> = columns_of_key
            .map(|c| (c.child.clone(), exact(c.child_form, &format!("t.{}", quote(&c.child)))))
            .collect();
        let select = format!(
            "SELECT {}, p.{TAG}{tenant}, {} AS {EDGE}, {} AS {LINK}",
            columns("t", key(child)),
            literal(&edge.key.edge()),
            object(&old),
        );
        let on = joined(&edge.key, "p", "t");
        let parents = moved(edge.node);
        tables.iter().map(move |(table, archived)| {
            // The rows that this statement archives are not visible to it in the archive table.
            let stays = match archived {
                true => String::new(),
                false => unless_moved(plan, child.moved_as, moved),
            };
            format!("{select}, {archived} AS {ARCHIVED} FROM {table} AS t JOIN {parents} AS p ON {on}{stays}")
        })
    });
    let links: Vec<_> = links.collect();
    format!("link_{d} AS MATERIALIZED ({})", links.join(" UNION ALL "))
}

/// The rows of one table that lose links, and the UPDATE, which returns for each row whether the columns are NULL after the
/// triggers.
fn update(child: &DetachedChild, name: &str, d: usize, table: &str, archived: bool) -> [String; 2] {
    let names = columns("l", key(child));
    let only = if archived { "" } else { "NOT " };
    [
        format!(
            "cut_{name} AS MATERIALIZED (SELECT {names}, pg_catalog.array_agg(l.{EDGE}) AS {EDGES} FROM link_{d} AS l WHERE {only}l.{ARCHIVED} GROUP BY {names})"
        ),
        format!(
            "unlinked_{name} AS (UPDATE {table} AS t SET {} FROM cut_{name} AS p WHERE {} RETURNING {} AS {DONE})",
            assignments(child),
            same_key(&child.key, "p", "t"),
            is_cut(child),
        ),
    ]
}

/// The condition that this edge of the row is cut.
fn hit(edge: &str) -> String {
    format!("{} OPERATOR(pg_catalog.=) ANY (p.{EDGES})", literal(edge))
}

/// A column becomes NULL where one of its edges is cut.
fn assignments(child: &DetachedChild) -> String {
    let mut assignments: Vec<(String, Vec<String>)> = Vec::new();
    for edge in &child.edges {
        let hit = hit(&edge.key.edge());
        for column in DetachedChild::nulled(&edge.key) {
            match assignments
                .iter_mut()
                .find(|(name, _)| *name == column.child)
            {
                Some((_, hits)) => hits.push(hit.clone()),
                None => assignments.push((column.child.clone(), vec![hit.clone()])),
            }
        }
    }
    let assignments: Vec<_> = assignments
        .iter()
        .map(|(name, hits)| {
            let name = quote(name);
            format!(
                "{name} = CASE WHEN {} THEN NULL ELSE t.{name} END",
                hits.join(" OR ")
            )
        })
        .collect();
    assignments.join(", ")
}

fn is_cut(child: &DetachedChild) -> String {
    let edges = child.edges.iter().map(|edge| {
        let columns = DetachedChild::nulled(&edge.key);
        let nulls: Vec<_> = columns
            .map(|c| format!("t.{} IS NULL", quote(&c.child)))
            .collect();
        format!("(NOT {} OR {})", hit(&edge.key.edge()), nulls.join(" AND "))
    });
    edges.collect::<Vec<_>>().join(" AND ")
}

/// Records the links that are cut. `tenant` is the tenant of the archival, with the join that it needs.
pub(super) fn record(
    d: usize,
    child: &DetachedChild,
    (tenant, join): &(&'static str, String),
) -> String {
    format!(
        "recorded_{d} AS MATERIALIZED (SELECT archive.record_links($1, {}::pg_catalog.regclass, pg_catalog.array_agg(l.{TAG}), \
         pg_catalog.array_agg({}), pg_catalog.array_agg(l.{EDGE}), pg_catalog.array_agg(l.{LINK}), pg_catalog.array_agg({tenant})) AS links \
         FROM link_{d} AS l{join} HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0)",
        literal(&child.table.sql()),
        key_array(&child.key, "l"),
    )
}

/// The tenants of the rows whose links are cut.
pub(super) fn tenants(d: usize) -> String {
    format!("SELECT l.{TAG}, l.{TENANT} AS tenant FROM link_{d} AS l")
}

/// The conditions that every link was cut and recorded.
pub(super) fn guards(d: usize, child: &DetachedChild) -> Vec<String> {
    let all_done = |name: &str, code: &str, message: &str| {
        format!(
            "(CASE WHEN (SELECT pg_catalog.count(*) FROM cut_{name}) OPERATOR(pg_catalog.=) (SELECT pg_catalog.count(*) FROM unlinked_{name} AS u WHERE u.{DONE}) \
             THEN true ELSE archive.stop('{code}', {}) END)",
            literal(message)
        )
    };
    let recorded = format!(
        "(CASE WHEN coalesce((SELECT r.links FROM recorded_{d} AS r), 0) OPERATOR(pg_catalog.=) (SELECT pg_catalog.count(*) FROM link_{d}) \
         THEN true ELSE archive.stop('{TRIGGER}', 'archive.detached_link did not store every link: drop the triggers and rules on it') END)"
    );
    let mut guards = vec![
        all_done(
            &d.to_string(),
            TRIGGER,
            &refused(child, "losing its link", "nothing was archived"),
        ),
        recorded,
    ];
    if let Some(archive_table) = &child.archive_table {
        // The plan refuses triggers there, so another session deleted a row with plain SQL meanwhile.
        guards.push(all_done(
            &format!("archived_{d}"),
            SERIALIZATION_FAILURE,
            &format!("rows of {} changed meanwhile: try again", archive_table.id),
        ));
    }
    guards
}

/// The error for a row of the child that was not updated as required.
pub(super) fn refused(child: &DetachedChild, what: &str, so: &str) -> String {
    let edges: Vec<_> = child
        .edges
        .iter()
        .map(|edge| edge.key.name.as_str())
        .collect();
    let triggers = child.triggers.iter().filter(|t| t.before_update);
    let triggers: Vec<_> = triggers.map(|t| t.name.as_str()).collect();
    let by = match triggers.as_slice() {
        [] => "row-level security".to_owned(),
        [trigger] => format!("the trigger {trigger}"),
        triggers => format!("one of the triggers {}", triggers.join(", ")),
    };
    format!(
        "{by} prevented a row of {} from {what} ({}), so {so}: let it pass updates of that foreign key",
        child.table,
        edges.join(", ")
    )
}
