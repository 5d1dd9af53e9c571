//! The one statement that moves a tree into its archive tables.

use super::detach;
use super::freshness::unchanged;
use super::partitions::no_key_twice;
use super::tree::{
    self, Roots, TAG, claims, found, one_root, roots, tagged_claims, typed_roots, unless_moved,
    with,
};
use super::{Kind, Step};
use crate::ident::{
    bare, columns, joined, key_object, literal, object, quote, same_key, type_name,
};
use crate::model::{Node, Plan, Restriction};
use crate::sqlstate::{OTHER_TENANT, RESTRICTED, TRIGGER};

/// The statements of one archive, in order.
pub fn steps(plan: &Plan, which: Roots) -> Vec<Step> {
    let mut steps = tree::locks(plan, which);
    if plan.counts_restrictions {
        steps.push(Step::new(Kind::Once, restricted(plan, which)));
    }
    steps.push(Step::new(Kind::Moves, moving(plan, which)));
    steps.extend(no_key_twice(plan, which));
    steps
}

/// Raises if rows block the archive, before a trigger of the application can remove them: PostgreSQL checks its foreign keys
/// after the BEFORE triggers of a row, and among the AFTER triggers in the order of their names.
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
/// Races: DELETE .. RETURNING copies the rows that it deletes, so a concurrent update of a leaf is either in the copy or no
/// longer finds the row; a SELECT before the DELETE would copy stale rows. The locks of the steps before prevent inserts
/// below the tree. Columns are listed on both sides, so a new column never takes the position of another one.
fn moving(plan: &Plan, which: Roots) -> String {
    let mut parts = vec![numbered_roots(plan, which)];
    for (n, node) in plan.nodes.iter().enumerate() {
        if node.claimed {
            parts.extend(tagged_claims(plan, n, which, &moved_name));
        }
        parts.push(moved(n, node));
        parts.push(archived(n, node));
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

/// The expression that contains the rows of a node after they left their table.
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

fn archived(n: usize, node: &Node) -> String {
    let moved = &node.moved;
    let archive_table = &moved.archive_table;
    let names = || moved.table.columns.iter().map(|c| c.name.as_str());
    format!(
        "archived_{n} AS (INSERT INTO {} ({}, {}, {}, {}) SELECT {}, $2, $4::{}, m.{TAG} FROM moved_{n} AS m RETURNING {} AS {TAG})",
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

/// The tenants of the rows and links of each archival. `None` where no table has a tenant column. A guard refuses an archival
/// with two tenants.
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

/// The tenant of the archival that `row` belongs to, and the join that it needs.
fn tenant_of_archival(plan: &Plan, row: &str) -> (&'static str, String) {
    match tenants(plan) {
        Some(_) => (
            "o.tenant",
            format!(" LEFT JOIN tenants AS o ON o.{TAG} = {row}.{TAG}"),
        ),
        None => ("NULL::pg_catalog.text", String::new()),
    }
}

/// Writes the records of the moved roots in one call of `archive.record_archivals`, after all rows have moved. The guards are
/// evaluated even if no root moved; one that fails rolls the move back.
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
    let guards: Vec<_> = std::iter::once(unchanged(&plan.freshness))
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
        Roots::One => format!("(SELECT pg_catalog.count(*) FROM archived_{n})"),
        Roots::Many => format!("coalesce(c{n}.n, 0)"),
    }
}

/// The joins of the roots `r` that this needs, and the condition that a root moved.
fn with_rows(plan: &Plan, which: Roots) -> String {
    if which == Roots::One {
        return " WHERE EXISTS (SELECT FROM archived_0)".to_owned();
    }
    let joins = (0..plan.nodes.len()).map(|n| {
        let join = if n == 0 { "JOIN" } else { "LEFT JOIN" };
        format!(
            " {join} (SELECT {TAG}, pg_catalog.count(*) AS n FROM archived_{n} GROUP BY {TAG}) AS c{n} ON c{n}.{TAG} OPERATOR(pg_catalog.=) r.{TAG}"
        )
    });
    joins.collect()
}

/// The conditions after all rows have moved. A guard that fails rolls the move back.
fn guards(plan: &Plan) -> Vec<String> {
    let restricted = plan.restrictions.iter().filter(|r| r.guarded);
    let restricted = restricted.map(|r| no_restricted_rows(plan, r, &moved_name));
    let triggered = plan.nodes.iter().enumerate().filter_map(|(n, node)| {
        let trigger = node.moved.table.intercepts_delete()?;
        let message = format!(
            "the trigger {} prevented the deletion of a row of {}, so nothing was archived: let it pass the rows that are archived",
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

/// Raises if a row that does not move refers to a row that moves. `source` names the expression of the moving rows.
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
