//! The one statement that brings an archival back.

use super::name::{bare, columns, literal, object, quote};
use super::tree::{unchanged, with};
use crate::catalog::KeyColumn;
use crate::error::{INCOMPLETE, OTHER_PLAN, TRIGGER};
use crate::plan::{DetachedChild, Moved, RestorePlan};

/// The moving statement; its arguments are the archival's id and who restores it.
///
/// Races: the archival's row in the ledger was locked by the statement before, so two restores come
/// one after the other and the second finds it done; rows that another restore leaves to this
/// archival wait for the same lock. DELETE .. RETURNING gives exactly what was taken out, and a
/// conflict with an active row takes everything back: there is no ON CONFLICT, which would drop rows.
pub(crate) fn moving(plan: &RestorePlan) -> String {
    let mut parts = vec![target(plan)];
    for (n, moved) in plan.tables.iter().enumerate() {
        parts.push(taken(n, moved));
        parts.push(back(n, moved));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relinked(d, child));
    }
    parts.push(
        "done AS (UPDATE archive.archival AS a SET restored_at = pg_catalog.clock_timestamp(), restored_by = $1->>'by' \
         FROM target AS g WHERE a.id = g.id RETURNING a.*)"
            .to_owned(),
    );
    let guards = guards(plan).join(" AND ");
    with(
        parts,
        &format!("SELECT {} FROM done AS l WHERE {guards}", answer(plan)),
    )
}

/// The archival, where this plan is the right one for it.
fn target(plan: &RestorePlan) -> String {
    let tables: Vec<_> = plan
        .tables
        .iter()
        .map(|m| format!("{}::regclass", literal(&m.table.id.sql())))
        .collect();
    let known: Vec<_> = plan
        .detached
        .iter()
        .flat_map(|child| {
            let table = literal(&child.table.sql());
            child.edges.iter().map(move |edge| {
                format!(
                    "(l.child = {table}::regclass AND l.edge = {})",
                    literal(&edge.key.edge())
                )
            })
        })
        .collect();
    let known = if known.is_empty() {
        "false".to_owned()
    } else {
        known.join(" OR ")
    };
    format!(
        "target AS MATERIALIZED (SELECT a.id FROM archive.archival AS a WHERE a.id = ($1->>'id')::bigint AND {} \
         AND CASE WHEN a.tables[1] = {} AND a.tables::oid[] <@ ARRAY[{}]::oid[] \
         AND NOT EXISTS (SELECT FROM archive.detached_link AS l WHERE l.archival_id = a.id AND NOT ({known})) \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other tables') END)",
        unchanged(&plan.basis),
        tables.first().map(String::as_str).unwrap_or("NULL"),
        tables.join(", "),
    )
}

/// The columns that are written: generated ones are left to the database.
fn written(moved: &Moved) -> impl Iterator<Item = &str> {
    moved
        .table
        .columns
        .iter()
        .filter(|c| !c.generated)
        .map(|c| c.name.as_str())
}

fn taken(n: usize, moved: &Moved) -> String {
    format!(
        "taken_{n} AS (DELETE FROM {} AS t USING target AS g WHERE t.{} = g.id RETURNING {})",
        moved.twin.id.sql(),
        quote(&moved.twin.archival_id),
        columns("t", written(moved))
    )
}

/// Identity columns take the ids that the rows had; OVERRIDING SYSTEM VALUE is allowed on any table.
fn back(n: usize, moved: &Moved) -> String {
    let returning = match moved.table.intercepts_insert() {
        Some(_) => bare(written(moved)),
        None => "1".to_owned(),
    };
    format!(
        "back_{n} AS (INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM taken_{n} RETURNING {returning})",
        moved.table.id.sql(),
        bare(written(moved)),
        bare(written(moved)),
    )
}

/// Puts the links back where they are still NULL, in the table and in its twin.
fn relinked(d: usize, child: &DetachedChild) -> Vec<String> {
    let mut parts = vec![format!(
        "link_{d} AS (DELETE FROM archive.detached_link AS l USING target AS g WHERE l.archival_id = g.id AND l.child = {}::regclass RETURNING l.child_key, l.edge, l.link)",
        literal(&child.table.sql())
    )];
    let mut relink = |name: String, table: String| {
        parts.push(format!(
            "{name} AS (UPDATE {table} AS t SET {} FROM (SELECT l.child_key, pg_catalog.jsonb_object_agg(l.edge, l.link) AS links FROM link_{d} AS l GROUP BY l.child_key) AS p WHERE {} AND ({}) RETURNING 1)",
            assignments(child),
            keyed(&child.key, "p.child_key"),
            edges_open(child).join(" OR "),
        ));
    };
    relink(format!("relinked_{d}"), child.table.sql());
    if let Some(twin) = &child.twin {
        relink(format!("relinked_twin_{d}"), twin.id.sql());
    }
    parts
}

/// The row of `t` that a remembered key means.
pub(super) fn keyed(key: &[KeyColumn], object: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|c| {
            format!(
                "t.{} {} ({object}->>{})::{}",
                quote(&c.name),
                c.equals,
                literal(&c.name),
                c.sql_type
            )
        })
        .collect();
    pairs.join(" AND ")
}

/// For each edge: it was cut by this archival, and all of it is still NULL.
fn edges_open(child: &DetachedChild) -> Vec<String> {
    child
        .edges
        .iter()
        .map(|edge| {
            let empty: Vec<_> = DetachedChild::nulled(&edge.key)
                .map(|c| format!("t.{} IS NULL", quote(&c.child)))
                .collect();
            format!(
                "(p.links ? {} AND {})",
                literal(&edge.key.edge()),
                empty.join(" AND ")
            )
        })
        .collect()
}

fn assignments(child: &DetachedChild) -> String {
    let mut cases: Vec<(String, Vec<String>)> = Vec::new();
    for (edge, open) in child.edges.iter().zip(edges_open(child)) {
        for column in DetachedChild::nulled(&edge.key) {
            let case = format!(
                "WHEN {open} THEN (p.links->{}->>{})::{}",
                literal(&edge.key.edge()),
                literal(&column.child),
                column.child_type
            );
            match cases.iter_mut().find(|(name, _)| *name == column.child) {
                Some((_, all)) => all.push(case),
                None => cases.push((column.child.clone(), vec![case])),
            }
        }
    }
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, cases)| {
            let name = quote(name);
            format!("{name} = CASE {} ELSE t.{name} END", cases.join(" "))
        })
        .collect();
    cases.join(", ")
}

/// What must hold once everything is back; a guard that fails takes all of it away again.
fn guards(plan: &RestorePlan) -> Vec<String> {
    let mut guards = Vec::new();
    if let Some(root) = plan.tables.first() {
        let message = format!(
            "{} no longer holds the root of this archival, so nothing was restored: the row was removed from the archive table by hand",
            root.twin.id
        );
        guards.push(format!(
            "(CASE WHEN EXISTS (SELECT FROM taken_0) THEN true ELSE archive.stop('{INCOMPLETE}', {}) END)",
            literal(&message)
        ));
    }
    for (n, moved) in plan.tables.iter().enumerate() {
        let Some(trigger) = moved.table.intercepts_insert() else {
            continue;
        };
        let message = format!(
            "the trigger {} dropped or changed a row of {} on its way back, so nothing was restored: let it pass the rows that are restored",
            trigger.name, moved.table.id
        );
        // As text, since not every type can be compared.
        let row = format!("ROW({})::text", bare(written(moved)));
        guards.push(format!(
            "(CASE WHEN NOT EXISTS (SELECT {row} FROM taken_{n} EXCEPT ALL SELECT {row} FROM back_{n}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
            literal(&message)
        ));
    }
    guards
}

fn answer(plan: &RestorePlan) -> String {
    let rows: Vec<_> = plan
        .tables
        .iter()
        .enumerate()
        .map(|(n, moved)| {
            (
                moved.table.id.to_string(),
                format!("(SELECT pg_catalog.count(*) FROM back_{n})"),
            )
        })
        .collect();
    let relinked: Vec<_> = plan
        .detached
        .iter()
        .enumerate()
        .flat_map(|(d, child)| {
            let count = |name: String| format!("(SELECT pg_catalog.count(*) FROM {name})");
            let twin = child
                .twin
                .as_ref()
                .map(|_| count(format!("relinked_twin_{d}")));
            std::iter::once(count(format!("relinked_{d}"))).chain(twin)
        })
        .collect();
    let relinked = if relinked.is_empty() {
        "0".to_owned()
    } else {
        relinked.join(" + ")
    };
    object(&[
        ("archival".to_owned(), "pg_catalog.to_jsonb(l)".to_owned()),
        ("rows".to_owned(), object(&rows)),
        ("relinked".to_owned(), relinked),
    ])
}
