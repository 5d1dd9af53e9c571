//! A preview of an archive: the rows that it would move and the rows that block it, without changing them.

use super::freshness::unchanged;
use super::tree::{Roots, claims, found, roots, unless_moved, with};
use super::{Kind, Step};
use crate::catalog::ForeignKey;
use crate::ident::{joined, literal, object, quote, same_key};
use crate::model::Plan;

/// One statement that returns an `ArchivePreview` as JSON.
pub fn step(plan: &Plan) -> Step {
    Step::new(Kind::Once, statement(plan))
}

fn statement(plan: &Plan) -> String {
    let rows: Vec<_> = plan
        .nodes
        .iter()
        .enumerate()
        .map(|(n, node)| {
            let id = &node.moved.table.id;
            let count = format!("(SELECT pg_catalog.count(*) FROM {})", found(plan, n));
            (id.to_string(), count)
        })
        .collect();
    let blocked = plan
        .restrictions
        .iter()
        .map(|r| linked(plan, &r.key, r.node, r.moved_as));
    let detached = plan.detached.iter().flat_map(|child| {
        child
            .edges
            .iter()
            .map(|edge| linked(plan, &edge.key, edge.node, child.moved_as))
    });
    let body = object(&[
        (
            "roots".to_owned(),
            "(SELECT pg_catalog.count(*) FROM roots)".to_owned(),
        ),
        ("rows".to_owned(), object(&rows)),
        ("blockers".to_owned(), array(blocked)),
        ("detached".to_owned(), array(detached)),
    ]);
    select(plan, &body)
}

/// One statement that returns the rows that have the key of an archived row, as a JSON array of `ArchivedKeys`. Unlike the preview,
/// it reads the archive tables.
pub fn archived_keys(plan: &Plan) -> Step {
    let tables = (0..plan.nodes.len()).map(|n| archived_keys_of(plan, n));
    Step::new(Kind::Once, select(plan, &array(tables)))
}

fn select(plan: &Plan, body: &str) -> String {
    with(
        std::iter::once(roots(plan, Roots::Many)).chain(claims(plan, 0..plan.nodes.len())),
        &format!("SELECT {body} WHERE {}", unchanged(&plan.freshness)),
    )
}

/// The number of rows that refer to a node by this key and do not move themselves. A row refers to several rows by a key with
/// PERIOD, and is counted once.
fn linked(plan: &Plan, key: &ForeignKey, node: usize, moved_as: Option<usize>) -> String {
    let count = format!(
        "(SELECT pg_catalog.count(*) FROM {} AS t WHERE EXISTS (SELECT FROM {} AS p WHERE {}){})",
        key.child.sql(),
        found(plan, node),
        joined(key, "p", "t"),
        unless_moved(plan, moved_as, &|n| found(plan, n))
    );
    object(&[
        ("table".to_owned(), literal(&key.child.to_string())),
        ("constraint".to_owned(), literal(&key.name)),
        ("rows".to_owned(), count),
    ])
}

/// How many rows of a node have the key of an archived row, and the archivals of those. At most 100 of them.
fn archived_keys_of(plan: &Plan, n: usize) -> String {
    let moved = &plan.nodes[n].moved;
    let archival_id = quote(&moved.archive_table.archival_id);
    let body = object(&[
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("rows".to_owned(), "pg_catalog.count(*)".to_owned()),
        (
            "archivals".to_owned(),
            format!(
                "pg_catalog.to_jsonb((coalesce(pg_catalog.array_agg(DISTINCT d.{archival_id}), '{{}}'))[1:100])"
            ),
        ),
    ]);
    format!(
        "(SELECT {body} FROM {} AS t JOIN {} AS d ON {})",
        found(plan, n),
        moved.archive_table.id.sql(),
        same_key(&moved.table.key, "t", "d"),
    )
}

fn array(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items
        .map(|item| format!("pg_catalog.jsonb_build_array({item})"))
        .collect();
    if items.is_empty() {
        "'[]'::pg_catalog.jsonb".to_owned()
    } else {
        items.join(" || ")
    }
}
