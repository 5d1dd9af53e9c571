//! The rows of a tree: the common table expressions that every statement begins with.

use std::collections::BTreeSet;

use super::{Kind, Step};
use crate::ident::{bare, columns, is_own_type, joined, literal, quote, same_key, type_name};
use crate::model::{Node, Plan};

/// The column that passes the id of the archival from the root to the rows below it. It exists inside one statement only, and a
/// table with a column of this name is refused.
pub(super) const TAG: &str = "\"archive.archival_id\"";

/// Whether a statement is for one root or for many: PostgreSQL plans them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// One root.
    One,
    /// Any number of roots.
    Many,
}

/// The keys of the roots, from the arguments.
pub(super) fn roots(plan: &Plan, which: Roots) -> String {
    match which {
        Roots::One => one_root(plan, ""),
        Roots::Many => format!(
            "roots AS MATERIALIZED (SELECT r.* FROM pg_catalog.jsonb_to_recordset($1 OPERATOR(pg_catalog.->) 'roots') AS r({}))",
            typed_key(plan)
        ),
    }
}

/// The key of the one root, with `more` columns.
///
/// PostgreSQL reads each value once and compares with it directly, without a join. Of a partitioned table it plans only the partition
/// of the root, and locks no other: there the value is a constant expression, which needs a conversion that is immutable. A value of a type that is not built in is read
/// from a record, by the input function of the type instead of a cast that a role may have defined.
pub(super) fn one_root(plan: &Plan, more: &str) -> String {
    let root = "$1 OPERATOR(pg_catalog.->) 'roots' OPERATOR(pg_catalog.->) 0";
    let key = &plan.root().table.key;
    if !key.iter().all(|c| is_own_type(&c.sql_type)) {
        return format!(
            "roots AS MATERIALIZED (SELECT r.*{more} FROM pg_catalog.jsonb_to_record({root}) AS r({}))",
            typed_key(plan)
        );
    }
    let values: Vec<_> = key
        .iter()
        .map(|c| {
            let name = literal(&c.name);
            let (sql_type, column) = (type_name(&c.sql_type), quote(&c.name));
            let text = format!("({root} OPERATOR(pg_catalog.->>) {name})");
            match plan.root().table.is_partitioned() {
                true => format!("archive.exact_value({text}, NULL::{sql_type}) AS {column}"),
                false => format!("(SELECT {text}::{sql_type}) AS {column}"),
            }
        })
        .collect();
    format!(
        "roots AS NOT MATERIALIZED (SELECT {}{more})",
        values.join(", ")
    )
}

/// The same as an item of `ROWS FROM`.
pub(super) fn typed_roots(plan: &Plan) -> String {
    format!(
        "pg_catalog.jsonb_to_recordset($1 OPERATOR(pg_catalog.->) 'roots') AS ({})",
        typed_key(plan)
    )
}

fn typed_key(plan: &Plan) -> String {
    let key = &plan.root().table.key;
    let typed: Vec<_> = key
        .iter()
        .map(|c| format!("{} {}", quote(&c.name), type_name(&c.sql_type)))
        .collect();
    typed.join(", ")
}

/// The columns of a node that its children and its own key need.
fn needed(plan: &Plan, n: usize) -> BTreeSet<&str> {
    let node = &plan.nodes[n];
    let key = node.moved.table.key.iter().map(|c| c.name.as_str());
    let below = plan.nodes.iter().flat_map(|child| &child.parents);
    let detached = plan.detached.iter().flat_map(|child| &child.edges);
    let edges = below
        .chain(detached)
        .filter(|edge| edge.node == n)
        .map(|edge| &edge.key);
    let restricted = plan
        .restrictions
        .iter()
        .filter(|r| r.node == n)
        .map(|r| &r.key);
    let loops = node.loops.iter();
    let parent_columns = edges
        .chain(restricted)
        .chain(loops)
        .flat_map(|key| key.columns.iter().map(|c| c.parent.as_str()));
    key.chain(parent_columns).collect()
}

/// The expression that contains the rows of a node before any row has moved.
pub(super) fn found(plan: &Plan, n: usize) -> String {
    if n == 0 && roots_suffice(plan) {
        "roots".to_owned()
    } else {
        format!("claim_{n}")
    }
}

/// Whether the keys of the roots contain all columns that are needed of them.
fn roots_suffice(plan: &Plan) -> bool {
    let root = &plan.nodes[0];
    root.loops.is_empty()
        && needed(plan, 0)
            .iter()
            .all(|name| root.moved.table.key.iter().any(|c| c.name == *name))
}

/// The rows of the nodes, only read: for locks and previews.
pub(super) fn claims(plan: &Plan, nodes: impl IntoIterator<Item = usize>) -> Vec<String> {
    nodes
        .into_iter()
        .filter(|&n| found(plan, n) != "roots")
        .map(|n| {
            format!(
                "claim_{n} AS ({})",
                reach(plan, n, &|p| found(plan, p), None)
            )
        })
        .collect()
}

/// A query for the rows of node `n`, each once, by all its foreign keys and its own loops.
///
/// `source` names the expression of the rows of a parent. With `tag` each row has the archival of the parent that it was reached
/// from, and is returned once for each archival.
pub(super) fn reach(
    plan: &Plan,
    n: usize,
    source: &dyn Fn(usize) -> String,
    tag: Option<&str>,
) -> String {
    let node = &plan.nodes[n];
    let table = node.moved.table.id.sql();
    let names = needed(plan, n);
    let tagged = |alias: &str| {
        tag.map(|tag| format!(", {alias}.{tag}"))
            .unwrap_or_default()
    };
    let list = columns("t", names.iter().copied());
    let mut parts: Vec<String> = Vec::new();
    if n == 0 {
        let on = same_key(&node.moved.table.key, "p", "t");
        parts.push(format!(
            "SELECT {list}{} FROM {table} AS t JOIN roots AS p ON {on}",
            tagged("p")
        ));
    }
    for parent in &node.parents {
        parts.push(format!(
            "SELECT {list}{} FROM {table} AS t JOIN {} AS p ON {}",
            tagged("p"),
            source(parent.node),
            joined(&parent.key, "p", "t")
        ));
    }
    if !node.loops.is_empty() {
        // A recursive term may name itself once, so all loops share one join.
        let on: Vec<_> = node.loops.iter().map(|key| joined(key, "p", "t")).collect();
        let itself = if tag.is_some() {
            format!("tree_{n}")
        } else {
            format!("claim_{n}")
        };
        let start = parts.join(" UNION ");
        return format!(
            "{start} UNION SELECT {list}{} FROM {table} AS t JOIN {itself} AS p ON {}",
            tagged("p"),
            on.join(" OR ")
        );
    }
    parts.join(" UNION ")
}

/// The rows of a claimed node, each with one archival: the lowest that reaches it.
pub(super) fn tagged_claims(
    plan: &Plan,
    n: usize,
    which: Roots,
    source: &dyn Fn(usize) -> String,
) -> Vec<String> {
    let names = bare(needed(plan, n));
    let reached = reach(plan, n, source, Some(TAG));
    let outer = if n == 0 && which == Roots::Many {
        // A root below another root moves with that root. Where two roots are below each other, in a cycle, both move with the
        // first.
        let key = same_key(&plan.root().table.key, "x", "r");
        let back = same_key(&plan.root().table.key, "y", "s");
        format!(
            " WHERE NOT EXISTS (SELECT FROM roots AS r JOIN tree_0 AS x ON {key} AND x.{TAG} <> r.{TAG} \
             JOIN roots AS s ON s.{TAG} = x.{TAG} \
             WHERE r.{TAG} = tree_0.{TAG} AND (s.{TAG} < r.{TAG} OR NOT EXISTS \
             (SELECT FROM tree_0 AS y WHERE {back} AND y.{TAG} = r.{TAG})))"
        )
    } else {
        String::new()
    };
    vec![
        format!("tree_{n} AS ({reached})"),
        format!(
            "claim_{n} AS MATERIALIZED (SELECT {names}, pg_catalog.min({TAG}) AS {TAG} FROM tree_{n}{outer} GROUP BY {names})"
        ),
    ]
}

/// The condition, after AND, that the row `t` is not among the moving rows of the node, which are in `source`.
pub(super) fn unless_moved(
    plan: &Plan,
    moved_as: Option<usize>,
    source: &dyn Fn(usize) -> String,
) -> String {
    match moved_as {
        None => String::new(),
        Some(n) => {
            let same = same_key(&plan.nodes[n].moved.table.key, "m", "t");
            format!(
                " AND NOT EXISTS (SELECT FROM {} AS m WHERE {same})",
                source(n)
            )
        }
    }
}

/// The statements that lock the rows of a tree, top-down, each with its own snapshot.
///
/// The roots themselves are locked before, by the statement that finds them.
///
/// Race: an insert below a locked row waits, since its foreign key locks the parent. So after a level is locked, the next
/// statement sees all rows of the level below it. Without these locks, a like that is inserted on a comment while the post of the
/// comment is archived would be deleted by ON DELETE CASCADE and not be archived.
pub fn locks(plan: &Plan, which: Roots) -> Vec<Step> {
    let nodes = plan
        .nodes
        .iter()
        .enumerate()
        .filter(|(n, node)| node.locked && (*n > 0 || !node.loops.is_empty()));
    let mut statements: Vec<_> = nodes
        .map(|(n, node)| {
            let kind = match node.loops.is_empty() {
                true => Kind::Once,
                false => Kind::Settles,
            };
            Step::new(kind, lock_node(plan, n, which))
        })
        .collect();
    let detached = 0..plan.detached.len();
    statements.extend(detached.map(|d| Step::new(Kind::Once, lock_detached(plan, d, which))));
    statements
}

fn lock_node(plan: &Plan, n: usize, which: Roots) -> String {
    let node = &plan.nodes[n];
    let table = &node.moved.table;
    let direct = node.loops.is_empty() && node.parents.len() == 1;
    let (source, on) = match node.parents.first() {
        Some(parent) if direct => (found(plan, parent.node), joined(&parent.key, "p", "t")),
        _ => (found(plan, n), same_key(&table.key, "p", "t")),
    };
    let mut needed = ancestors(plan, n);
    if !direct {
        needed.insert(n);
    }
    let order = columns("t", table.key.iter().map(|c| c.name.as_str()));
    let answer = signature(node);
    with(
        std::iter::once(roots(plan, which)).chain(claims(plan, needed)),
        &format!(
            "SELECT {answer} FROM (SELECT {order} FROM {} AS t JOIN {source} AS p ON {on} ORDER BY {order} FOR UPDATE OF t) AS t",
            table.id.sql()
        ),
    )
}

/// The result of a lock: the number of rows, and for a tree of unknown depth a hash of their keys.
fn signature(node: &Node) -> String {
    if node.loops.is_empty() {
        return "pg_catalog.to_jsonb(pg_catalog.count(*))".to_owned();
    }
    let key = columns("t", node.moved.table.key.iter().map(|c| c.name.as_str()));
    format!(
        "pg_catalog.jsonb_build_array(pg_catalog.count(*), pg_catalog.bit_xor(pg_catalog.hashtextextended(ROW({key})::pg_catalog.text, 0)))"
    )
}

/// Locks the rows that lose a link, active and archived ones, so that the links do not change before they are cut.
fn lock_detached(plan: &Plan, d: usize, which: Roots) -> String {
    let child = &plan.detached[d];
    let needed: BTreeSet<usize> = child
        .edges
        .iter()
        .flat_map(|e| ancestors(plan, e.node).into_iter().chain([e.node]))
        .collect();
    let active = linked_rows(plan, d, &child.table.sql());
    let parts = std::iter::once(roots(plan, which)).chain(claims(plan, needed));
    let Some(archive_table) = &child.archive_table else {
        return with(
            parts,
            &format!("SELECT pg_catalog.to_jsonb(pg_catalog.count(*)) FROM ({active}) AS t"),
        );
    };
    let locked = [
        format!("active AS MATERIALIZED ({active})"),
        format!(
            "archived AS MATERIALIZED ({})",
            linked_rows(plan, d, &archive_table.id.sql())
        ),
    ];
    with(
        parts.chain(locked),
        "SELECT pg_catalog.jsonb_build_array((SELECT pg_catalog.count(*) FROM active), (SELECT pg_catalog.count(*) FROM archived))",
    )
}

/// The rows of a table that refer to rows of the tree by an edge that is cut, locked in the order of their keys.
fn linked_rows(plan: &Plan, d: usize, table: &str) -> String {
    let child = &plan.detached[d];
    let key = columns("t", child.key.iter().map(|c| c.name.as_str()));
    let linked = child.edges.iter().map(|edge| {
        format!(
            "SELECT {key} FROM {table} AS t JOIN {} AS p ON {}",
            found(plan, edge.node),
            joined(&edge.key, "p", "t")
        )
    });
    format!(
        "SELECT {key} FROM {table} AS t JOIN ({}) AS p ON {} ORDER BY {key} FOR NO KEY UPDATE OF t",
        linked.collect::<Vec<_>>().join(" UNION "),
        same_key(&child.key, "p", "t")
    )
}

/// The nodes above `n`, in order.
fn ancestors(plan: &Plan, n: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut open: Vec<usize> = plan.nodes[n].parents.iter().map(|p| p.node).collect();
    while let Some(p) = open.pop() {
        if all.insert(p) {
            open.extend(plan.nodes[p].parents.iter().map(|p| p.node));
        }
    }
    all
}

/// One statement, from its common table expressions and its body.
pub(super) fn with(expressions: impl IntoIterator<Item = String>, body: &str) -> String {
    let expressions: Vec<_> = expressions.into_iter().collect();
    format!("WITH RECURSIVE {}\n{body}", expressions.join(",\n"))
}
