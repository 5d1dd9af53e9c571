//! The one statement that brings an archival back.

use super::basis::{moving as moving_tables, unchanged};
use super::name::{bare, columns, literal, object, quote};
use super::tree::with;
use crate::catalog::{ForeignKeyColumn, KeyColumn};
use crate::error::{INCOMPLETE, OTHER_PLAN, OTHER_TENANT, TRIGGER};
use crate::plan::{DetachedChild, Moved, RestorePlan};

/// The moving statement; its arguments are the archival's id and who restores it.
///
/// Races: the archival's row in the ledger was locked by the statement before, so two restores come
/// one after the other and the second finds it done; rows that another restore leaves to this
/// archival wait for the same lock. DELETE .. RETURNING gives exactly what was taken out, and a
/// conflict with an active row takes everything back: there is no ON CONFLICT, which would drop rows.
pub(crate) fn moving(plan: &RestorePlan) -> String {
    let mut parts = vec![target(plan)];
    for (d, child) in plan.detached.iter().enumerate() {
        parts.push(links(d, child));
    }
    for (n, moved) in plan.tables.iter().enumerate() {
        parts.push(taken(n, moved));
        parts.extend(mended(plan, n, moved));
        parts.push(back(plan, n, moved));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relinked(d, child));
    }
    parts.push(
        "done AS (UPDATE archive.archival AS a SET restored_at = pg_catalog.clock_timestamp(), restored_by = $1 OPERATOR(pg_catalog.->>) 'by' \
         FROM target AS g WHERE a.id = g.id RETURNING a.*)"
            .to_owned(),
    );
    let guards = guards(plan).join(" AND ");
    with(
        parts,
        &format!("SELECT {} FROM done AS l WHERE {guards}", answer(plan)),
    )
}

/// The archival, where this plan is the right one for it. A link is of the archival's tenant: one that somebody
/// else wrote down is none.
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
                    "(l.child OPERATOR(pg_catalog.=) {table}::regclass AND l.edge = {})",
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
        "target AS MATERIALIZED (SELECT a.id, a.tenant, {} AS moving FROM archive.archival AS a WHERE a.id = ($1 OPERATOR(pg_catalog.->>) 'id')::bigint AND {} \
         AND CASE WHEN a.tables[1] OPERATOR(pg_catalog.=) {} AND a.tables::oid[] OPERATOR(pg_catalog.<@) ARRAY[{}]::oid[] \
         AND NOT EXISTS (SELECT FROM archive.detached_link AS l WHERE l.archival_id = a.id AND l.tenant IS NOT DISTINCT FROM a.tenant AND NOT ({known})) \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other tables') END)",
        moving_tables(plan.tables.iter(), &plan.detached),
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

/// Where a link to a row of this archival was cut from this table.
fn cut_from<'a>(plan: &'a RestorePlan, moved: &Moved) -> Option<(usize, &'a DetachedChild)> {
    let mut children = plan.detached.iter().enumerate();
    children.find(|(_, child)| child.table.oid == moved.table.id.oid)
}

/// Rows that were archived themselves after their link was cut, and come back with its parent: they
/// get their link on the way. An UPDATE of the twin would hit a row that this statement deletes.
fn mended(plan: &RestorePlan, n: usize, moved: &Moved) -> Option<String> {
    let (d, child) = cut_from(plan, moved)?;
    let values = assignments(child);
    let values: Vec<_> = written(moved)
        .map(
            |name| match values.iter().find(|(column, _)| column == name) {
                Some((_, value)) => format!("{value} AS {}", quote(name)),
                None => format!("t.{}", quote(name)),
            },
        )
        .collect();
    Some(format!(
        "mended_{n} AS (SELECT {} FROM taken_{n} AS t LEFT JOIN links_{d} AS p ON {})",
        values.join(", "),
        keyed(&child.key, "p.child_key"),
    ))
}

/// How many of them got a link.
fn mended_rows(n: usize, d: usize, child: &DetachedChild) -> String {
    format!(
        "(SELECT pg_catalog.count(*) FROM taken_{n} AS t JOIN links_{d} AS p ON {} WHERE {})",
        keyed(&child.key, "p.child_key"),
        edges_open(child).join(" OR "),
    )
}

/// The rows of a table as they go back.
fn returning_rows(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    match cut_from(plan, moved) {
        Some(_) => format!("mended_{n}"),
        None => format!("taken_{n}"),
    }
}

/// Identity columns take the ids that the rows had; OVERRIDING SYSTEM VALUE is allowed on any table.
fn back(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    let returning = match moved.table.intercepts_insert() {
        Some(_) => bare(written(moved)),
        None => "1".to_owned(),
    };
    format!(
        "back_{n} AS (INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} RETURNING {returning})",
        moved.table.id.sql(),
        bare(written(moved)),
        bare(written(moved)),
        returning_rows(plan, n, moved),
    )
}

/// Takes the links out of the ledger, all those of a child in one row.
fn links(d: usize, child: &DetachedChild) -> String {
    format!(
        "link_{d} AS (DELETE FROM archive.detached_link AS l USING target AS g WHERE l.archival_id = g.id AND l.tenant IS NOT DISTINCT FROM g.tenant AND l.child OPERATOR(pg_catalog.=) {}::regclass RETURNING l.child_key, l.edge, l.link), \
         links_{d} AS MATERIALIZED (SELECT l.child_key, pg_catalog.jsonb_object_agg(l.edge, l.link) AS links FROM link_{d} AS l GROUP BY l.child_key)",
        literal(&child.table.sql())
    )
}

/// Puts the links back where they are still NULL, in the table and in its twin.
fn relinked(d: usize, child: &DetachedChild) -> Vec<String> {
    let values = assignments(child).into_iter();
    let values: Vec<_> = values
        .map(|(name, value)| format!("{} = {value}", quote(&name)))
        .collect();
    // Who sees the rows of every tenant does not follow a link to a row of another one.
    let own = child.table.tenant.as_ref().map(|tenant| {
        let tenant = quote(tenant);
        format!(" AND t.{tenant}::text = (SELECT g.tenant FROM target AS g)")
    });
    let own = own.unwrap_or_default();
    let relink = |name: &str, table: String, only: String| {
        format!(
            "{name}_{d} AS (UPDATE {table} AS t SET {} FROM links_{d} AS p WHERE {} AND ({}){own}{only} RETURNING 1)",
            values.join(", "),
            keyed(&child.key, "p.child_key"),
            edges_open(child).join(" OR "),
        )
    };
    let mut parts = vec![relink("relinked", child.table.sql(), String::new())];
    if let Some(twin) = &child.twin {
        let others = format!(
            " AND t.{} <> (SELECT g.id FROM target AS g)",
            quote(&twin.archival_id)
        );
        parts.push(relink("relinked_twin", twin.id.sql(), others));
    }
    parts
}

/// The row of `t` that a remembered key means.
fn keyed(key: &[KeyColumn], object: &str) -> String {
    let pairs: Vec<_> = key
        .iter()
        .map(|c| {
            format!(
                "t.{} {} ({object} OPERATOR(pg_catalog.->>) {})::{}",
                quote(&c.name),
                c.equals,
                literal(&c.name),
                c.sql_type
            )
        })
        .collect();
    pairs.join(" AND ")
}

/// For each edge: it was cut by this archival, what was cut is still NULL, and the rest of it still
/// names the same parent.
fn edges_open(child: &DetachedChild) -> Vec<String> {
    child
        .edges
        .iter()
        .map(|edge| {
            let name = literal(&edge.key.edge());
            let columns = edge.key.columns.iter();
            let open: Vec<_> = columns
                .map(|c| {
                    let column = quote(&c.child);
                    if c.child_not_null {
                        format!("t.{column} {} {}", c.equals, link_value(&name, c))
                    } else {
                        format!("t.{column} IS NULL")
                    }
                })
                .collect();
            format!(
                "(p.links OPERATOR(pg_catalog.?) {name} AND {})",
                open.join(" AND ")
            )
        })
        .collect()
}

/// What a column held before the link was cut.
fn link_value(edge: &str, column: &ForeignKeyColumn) -> String {
    format!(
        "(p.links OPERATOR(pg_catalog.->) {edge} OPERATOR(pg_catalog.->>) {})::{}",
        literal(&column.child),
        column.child_type
    )
}

/// The columns that links are put back into, each with its value.
fn assignments(child: &DetachedChild) -> Vec<(String, String)> {
    let mut cases: Vec<(String, Vec<String>)> = Vec::new();
    for (edge, open) in child.edges.iter().zip(edges_open(child)) {
        for column in DetachedChild::nulled(&edge.key) {
            let value = link_value(&literal(&edge.key.edge()), column);
            let case = format!("WHEN {open} THEN {value}");
            match cases.iter_mut().find(|(name, _)| *name == column.child) {
                Some((_, all)) => all.push(case),
                None => cases.push((column.child.clone(), vec![case])),
            }
        }
    }
    let cases = cases.into_iter();
    cases
        .map(|(name, cases)| {
            let value = format!("CASE {} ELSE t.{} END", cases.join(" "), quote(&name));
            (name, value)
        })
        .collect()
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
    guards.extend(strangers(plan));
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
            "(CASE WHEN NOT EXISTS (SELECT {row} FROM {} EXCEPT ALL SELECT {row} FROM back_{n}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
            returning_rows(plan, n, moved),
            literal(&message)
        ));
    }
    guards
}

/// Rows of another tenant that stand in this archival: somebody put them there, and only who sees the rows of every
/// tenant would bring them back along.
fn strangers(plan: &RestorePlan) -> impl Iterator<Item = String> {
    let tables = plan.tables.iter().enumerate();
    tables.filter_map(|(n, moved)| {
        let tenant = moved.table.id.tenant.as_ref()?;
        let tenant = quote(written(moved).find(|name| name == tenant)?);
        Some(format!(
            "(CASE WHEN NOT EXISTS (SELECT FROM taken_{n} AS t, target AS g WHERE t.{tenant}::text IS DISTINCT FROM g.tenant) \
             THEN true ELSE archive.stop('{OTHER_TENANT}', {}) END)",
            literal(&moved.twin.id.to_string())
        ))
    })
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
            let same = plan.tables.iter().enumerate();
            let mended = same
                .filter(move |(_, moved)| moved.table.id.oid == child.table.oid)
                .map(move |(n, _)| mended_rows(n, d, child));
            std::iter::once(count(format!("relinked_{d}")))
                .chain(twin)
                .chain(mended)
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
