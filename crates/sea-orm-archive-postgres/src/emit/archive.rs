//! The one statement that moves a tree into its archive tables.

use super::detach;
use super::freshness::unchanged;
use super::tree::{
    self, Roots, TAG, claims, found, one_root, roots, tagged_claims, typed_roots, unless_moved,
    with,
};
use crate::ident::{
    bare, columns, joined, key_object, literal, object, quote, same_key, type_name,
};
use crate::model::{Node, Plan, Restriction};
use crate::sqlstate::{OTHER_TENANT, RESTRICTED, TRIGGER};

/// Everything that one archive runs, in order; the flag marks a step that is repeated until settled.
pub fn steps(plan: &Plan, which: Roots) -> Vec<(String, bool)> {
    let mut steps = tree::locks(plan, which);
    if plan.counts_restrictions {
        steps.push((restricted(plan, which), false));
    }
    steps.push((moving(plan, which), false));
    steps
}

/// Stops where rows block the archive, before a trigger of the application can remove them: PostgreSQL checks its
/// foreign keys after the triggers that fire before the row, and among those that fire after it by name.
///
/// Race: the parents are locked, so no row can be added through the foreign key after this statement.
fn restricted(plan: &Plan, which: Roots) -> String {
    let guards = plan.restrictions.iter();
    let guards: Vec<_> = guards
        .map(|r| no_restricted_rows(plan, r, &|n| found(plan, n)))
        .collect();
    with(
        std::iter::once(roots(plan, which)).chain(claims(plan, 0..plan.nodes.len())),
        &format!("SELECT pg_catalog.to_jsonb({})", guards.join(" AND ")),
    )
}

/// The moving statement.
///
/// Races: DELETE .. RETURNING copies what it deletes, so an update of a leaf that commits at the same
/// moment is either in the copy or comes too late to find the row; a SELECT before the DELETE would
/// copy stale rows. What could be inserted below the tree was locked out by the steps before.
/// Columns are listed on both sides: a new column is never put into another one's place.
fn moving(plan: &Plan, which: Roots) -> String {
    let mut parts = vec![numbered_roots(plan, which)];
    for (n, node) in plan.nodes.iter().enumerate() {
        if node.claimed {
            parts.extend(tagged_claims(plan, n, which, &moved_name));
        }
        parts.push(moved(n, node));
        parts.push(kept(n, node));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(detach::cut(plan, d, child, &moved_name));
    }
    parts.extend(tenants(plan));
    for (d, child) in plan.detached.iter().enumerate() {
        parts.push(detach::record(d, child, &tenant_of_archival(plan, "l")));
    }
    with(parts, &recorded(plan, which))
}

/// The roots, each with the id of its archival.
fn numbered_roots(plan: &Plan, which: Roots) -> String {
    let key = || plan.root().table.key.iter().map(|c| c.name.as_str());
    match which {
        Roots::One => one_root(plan, &format!(", $3 AS {TAG}")),
        Roots::Many => format!(
            "roots AS MATERIALIZED (SELECT {}, r.{TAG}::bigint AS {TAG} FROM ROWS FROM ({}, \
             pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'ids')) AS r({}, {TAG}))",
            columns("r", key()),
            typed_roots(plan),
            bare(key()),
        ),
    }
}

/// Where the rows of a node are once they have left their table.
fn moved_name(n: usize) -> String {
    format!("moved_{n}")
}

fn moved(n: usize, node: &Node) -> String {
    let table = &node.moved.table;
    let (source, on) = match node.parents.first() {
        _ if node.claimed => (format!("claim_{n}"), same_key(&table.key, "p", "t")),
        Some(parent) => (
            format!("moved_{}", parent.node),
            joined(&parent.key, "p", "t"),
        ),
        None => ("roots".to_owned(), same_key(&table.key, "p", "t")),
    };
    format!(
        "moved_{n} AS (DELETE FROM {} AS t USING {source} AS p WHERE {on} RETURNING {}, p.{TAG})",
        table.id.sql(),
        columns("t", table.columns.iter().map(|c| c.name.as_str()))
    )
}

fn kept(n: usize, node: &Node) -> String {
    let moved = &node.moved;
    let archive_table = &moved.archive_table;
    let names = || moved.table.columns.iter().map(|c| c.name.as_str());
    format!(
        "kept_{n} AS (INSERT INTO {} ({}, {}, {}, {}) SELECT {}, $2, $4::{}, m.{TAG} FROM moved_{n} AS m RETURNING {} AS {TAG})",
        archive_table.id.sql(),
        bare(names()),
        quote(&archive_table.deleted_at),
        quote(&archive_table.deleted_by),
        quote(&archive_table.archival_id),
        columns("m", names()),
        type_name(&moved.deleted_by_type),
        quote(&archive_table.archival_id),
    )
}

/// The rows of an archival that say whose they are, and the links: where they say it in two ways, the guard
/// refuses.
fn tenants(plan: &Plan) -> Option<String> {
    let moved = plan.nodes.iter().enumerate().filter_map(|(n, node)| {
        let table = &node.moved.table.id;
        let tenant = table.tenant_text("m", table.tenant.as_ref()?);
        Some(format!(
            "SELECT m.{TAG}, {tenant} AS tenant FROM moved_{n} AS m"
        ))
    });
    let linked = plan.detached.iter().enumerate().filter_map(|(d, child)| {
        child.table.tenant.as_ref()?;
        Some(detach::tenants(d))
    });
    let all: Vec<_> = moved.chain(linked).collect();
    if all.is_empty() {
        return None;
    }
    Some(format!(
        "tenants AS MATERIALIZED (SELECT {TAG}, pg_catalog.min(tenant) AS tenant, pg_catalog.max(tenant) AS other FROM ({}) AS m GROUP BY {TAG})",
        all.join(" UNION ALL ")
    ))
}

/// The tenant of the archival that `row` belongs to, and what has to be joined for it.
fn tenant_of_archival(plan: &Plan, row: &str) -> (&'static str, String) {
    match tenants(plan) {
        Some(_) => (
            "o.tenant",
            format!(" LEFT JOIN tenants AS o ON o.{TAG} = {row}.{TAG}"),
        ),
        None => ("NULL::pg_catalog.text", String::new()),
    }
}

/// Writes the records of the roots that moved, in one call of the function that may, once everything has moved. The
/// guards are asked whether or not a root moved, and one that fails takes all of it back.
fn recorded(plan: &Plan, which: Roots) -> String {
    let root = plan.root();
    let (tenant, join) = tenant_of_archival(plan, "r");
    let nodes = plan.nodes.iter().enumerate();
    let counts: Vec<_> = nodes
        .map(|(n, node)| (node.moved.table.id.to_string(), rows_of_root(n, which)))
        .collect();
    let tables: Vec<_> = plan
        .nodes
        .iter()
        .map(|node| {
            let table = literal(&node.moved.table.id.sql());
            format!("{table}::pg_catalog.regclass")
        })
        .collect();
    let guards: Vec<_> = std::iter::once(unchanged(&plan.basis))
        .chain(guards(plan))
        .collect();
    format!(
        "SELECT (SELECT archive.record_archivals($1, ARRAY[{}], $2, pg_catalog.array_agg(r.{TAG}), pg_catalog.array_agg({}), \
         pg_catalog.array_agg({}), pg_catalog.array_agg({tenant})) FROM roots AS r{join}{} \
         HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0) WHERE {}",
        tables.join(", "),
        key_object(&root.table.key, "r"),
        object(&counts),
        with_rows(plan, which),
        guards.join(" AND "),
    )
}

/// How many rows of a node moved with the root `r`.
fn rows_of_root(n: usize, which: Roots) -> String {
    match which {
        Roots::One => format!("(SELECT pg_catalog.count(*) FROM kept_{n})"),
        Roots::Many => format!("coalesce(c{n}.n, 0)"),
    }
}

/// What the roots `r` have to be joined with for that, and which of them moved.
fn with_rows(plan: &Plan, which: Roots) -> String {
    if which == Roots::One {
        return " WHERE EXISTS (SELECT FROM kept_0)".to_owned();
    }
    let joins = (0..plan.nodes.len()).map(|n| {
        let join = if n == 0 { "JOIN" } else { "LEFT JOIN" };
        format!(
            " {join} (SELECT {TAG}, pg_catalog.count(*) AS n FROM kept_{n} GROUP BY {TAG}) AS c{n} ON c{n}.{TAG} OPERATOR(pg_catalog.=) r.{TAG}"
        )
    });
    joins.collect()
}

/// What must hold once everything has moved; a guard that fails takes all of it back.
fn guards(plan: &Plan) -> Vec<String> {
    let restricted = plan.restrictions.iter().filter(|r| r.guarded);
    let restricted = restricted.map(|r| no_restricted_rows(plan, r, &moved_name));
    let triggered = plan.nodes.iter().enumerate().filter_map(|(n, node)| {
        let trigger = node.moved.table.intercepts_delete()?;
        let message = format!(
            "the trigger {} kept a row of {} from being deleted, so nothing was archived: let it pass the rows that are archived",
            trigger.name, node.moved.table.id
        );
        Some(format!(
            "(CASE WHEN (SELECT pg_catalog.count(*) FROM claim_{n}) = (SELECT pg_catalog.count(*) FROM moved_{n}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
            literal(&message)
        ))
    });
    let mixed = tenants(plan).map(|_| {
        format!(
            "(CASE WHEN NOT EXISTS (SELECT FROM tenants AS o WHERE o.tenant <> o.other) THEN true ELSE archive.stop('{OTHER_TENANT}', {}) END)",
            literal(&plan.root().table.id.to_string())
        )
    });
    let cut = plan.detached.iter().enumerate();
    let cut = cut.flat_map(|(d, child)| detach::guards(d, child));
    restricted
        .chain(triggered)
        .chain(cut)
        .chain(mixed)
        .collect()
}

/// Stops where a row that stays refers to a row that moves; `source` says where those are.
fn no_restricted_rows(plan: &Plan, r: &Restriction, source: &dyn Fn(usize) -> String) -> String {
    format!(
        "(CASE WHEN NOT EXISTS (SELECT FROM {} AS t JOIN {} AS p ON {}{}) THEN true ELSE archive.stop('{RESTRICTED}', {}) END)",
        r.key.child.sql(),
        source(r.node),
        joined(&r.key, "p", "t"),
        unless_moved(plan, r.moved_as, source),
        literal(&r.key.name),
    )
}
