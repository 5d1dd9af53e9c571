//! Takes rows out of an archival, each with the rows below it, as an archival of its own.

use super::change::names;
use super::defer::{ParentLink, is_root};
use super::partitions::and_of_archivals;
use super::rewrite::{is_rewritten, stop_unless_rewritten};
use super::tree::TAG;
use crate::ident::{columns, joined, key_object, literal, object, quote, same_key};
use crate::model::{Moved, RestorePlan};

/// Takes the rows with the keys `$2` out of the archival `$1` (an array) into the archivals `$3`, one for each key, and returns those of
/// them that have a row now. The root stays. Raises if a trigger changed a row.
///
/// Race: the archival is locked, so no restore and no purge moves its rows, and no other restore defers rows to it.
pub fn rows(plan: &RestorePlan, n: usize) -> String {
    let moved = &plan.tables[n];
    let taken = format!(
        "JOIN ROWS FROM (pg_catalog.unnest($3::bigint[]), pg_catalog.unnest($2::pg_catalog.text[])) AS n(id, key) ON {} OPERATOR(pg_catalog.=) n.key::pg_catalog.jsonb",
        key_object(&moved.table.key, "t")
    );
    take(
        moved,
        &taken,
        "n.id",
        "coalesce(pg_catalog.jsonb_agg(g.id), '[]'::pg_catalog.jsonb)",
    )
}

/// Takes the rows below them out, by one foreign key: rows of the archival `$1` whose parent is in one of the archivals `$2`. Returns how
/// many. It is repeated with all foreign keys until no row is left.
///
/// Race: as [`rows`]. A row with two such parents goes to one of their archivals, and waits there for the other parent.
pub fn below(plan: &RestorePlan, link: &ParentLink) -> Option<String> {
    let mut parents = plan.tables.iter();
    let parent = parents.find(|moved| moved.table.id.oid == link.key.parent.oid)?;
    let tag = quote(&parent.archive_table.archival_id);
    let taken = format!(
        "JOIN {} AS p ON {} AND p.{tag} OPERATOR(pg_catalog.=) ANY ($2)",
        parent.archive_table.id.sql(),
        joined(&link.key, "p", "t"),
    );
    let count = "pg_catalog.to_jsonb(pg_catalog.count(*))";
    Some(take(
        &plan.tables[link.table],
        &taken,
        &format!("p.{tag}"),
        count,
    ))
}

fn take(moved: &Moved, join: &str, to: &str, answer: &str) -> String {
    let table = moved.archive_table.id.sql();
    let archival_id = &moved.archive_table.archival_id;
    let tag = quote(archival_id);
    let given = format!("w.{TAG}");
    let new = [(archival_id.as_str(), given.clone())];
    format!(
        "WITH wanted AS MATERIALIZED (SELECT {}, {to} AS {TAG} FROM {table} AS t {join} WHERE t.{tag} OPERATOR(pg_catalog.=) ANY ($1) \
         AND NOT EXISTS (SELECT FROM archive.archival AS s WHERE s.id OPERATOR(pg_catalog.=) t.{tag} AND {}) FOR NO KEY UPDATE OF t), \
         taken AS (UPDATE {table} AS t SET {tag} = {given} FROM wanted AS w WHERE {}{} RETURNING {given} AS id, {} AS done) \
         SELECT {answer} AS result FROM taken AS g WHERE {}",
        columns("t", names(moved)),
        is_root(moved, "s", "t"),
        same_key(&moved.table.key, "w", "t"),
        and_of_archivals(moved, "t", "$1"),
        is_rewritten(moved, "w", &new),
        stop_unless_rewritten(moved, "g.done", "that is taken out of its archival"),
    )
}

/// Records the archivals `$1` of rows with the keys `$2` of the table, which were taken or copied from the archival `$4`. `$3` is what
/// `archive.draw_archivals` returned. Returns how many rows of which table each has, by its id.
pub fn record(plan: &RestorePlan, n: usize) -> String {
    let root = &plan.tables[n];
    let others = plan.tables.iter().enumerate().filter(|(m, _)| *m != n);
    let tables: Vec<_> = std::iter::once(root)
        .chain(others.map(|(_, moved)| moved))
        .collect();
    let of = |moved: &Moved, ids: &str| {
        format!(
            "{} AS t WHERE t.{} OPERATOR(pg_catalog.=) {ids}",
            moved.archive_table.id.sql(),
            quote(&moved.archive_table.archival_id)
        )
    };
    // The first is the table of the roots; the others only where they have rows.
    let names: Vec<_> = tables
        .iter()
        .enumerate()
        .map(|(place, moved)| {
            let name = format!("{}::pg_catalog.regclass", literal(&moved.table.id.sql()));
            match place {
                0 => name,
                _ => format!(
                    "CASE WHEN EXISTS (SELECT FROM {}) THEN {name} END",
                    of(moved, "ANY ($1)")
                ),
            }
        })
        .collect();
    let counts: Vec<_> = tables
        .iter()
        .map(|moved| {
            let count = format!(
                "(SELECT nullif(pg_catalog.count(*), 0) FROM {})",
                of(moved, "i.id")
            );
            (moved.table.id.to_string(), count)
        })
        .collect();
    format!(
        "SELECT pg_catalog.jsonb_object_agg(c.id, c.counts) AS result, archive.record_parts($3::pg_catalog.jsonb, $4, pg_catalog.array_remove(ARRAY[{}], NULL), \
         pg_catalog.array_agg(c.id), pg_catalog.array_agg(c.key), pg_catalog.array_agg(c.counts)) \
         FROM (SELECT i.id, i.key::pg_catalog.jsonb AS key, pg_catalog.jsonb_strip_nulls({}) AS counts FROM ROWS FROM (pg_catalog.unnest($1::bigint[]), pg_catalog.unnest($2::pg_catalog.text[])) AS i(id, key) OFFSET 0) AS c",
        names.join(", "),
        object(&counts),
    )
}
