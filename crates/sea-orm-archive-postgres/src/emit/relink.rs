//! The links that a restore puts back, and those that it does not put back.
//!
//! Each detached link has one outcome: it is put back into the only row with its key (active, archived by another archival, or
//! restored by the same statement), or there is a reason why not.

use super::detach::refused;
use super::tree::with;
use crate::catalog::{ForeignKey, ForeignKeyColumn, TableId};
use crate::ident::{
    has_recorded_key, is_recorded_key, literal, object, quote, recorded_key, type_name,
};
use crate::model::{DetachedChild, Moved, RestorePlan};
use crate::sqlstate::{SERIALIZATION_FAILURE, TRIGGER};

/// Links with these outcomes are deleted: no later restore would put them back.
const SETTLED: &str = "o.reason IS NULL OR o.reason OPERATOR(pg_catalog.=) 'other_link'";

/// The condition that this plan knows the detached link `l`.
pub(super) fn is_known(plan: &RestorePlan) -> String {
    let edges = plan.detached.iter().flat_map(|child| {
        let table = literal(&child.table.sql());
        let key = is_recorded_key(&child.key, "l.child_key");
        child.edges.iter().map(move |edge| {
            format!(
                "(l.child OPERATOR(pg_catalog.=) {table}::pg_catalog.regclass AND l.edge = {} AND {key})",
                literal(&edge.key.edge())
            )
        })
    });
    let edges: Vec<_> = edges.collect();
    if edges.is_empty() {
        "false".to_owned()
    } else {
        edges.join(" OR ")
    }
}

/// The index of this table among the restored tables.
fn taken_as(plan: &RestorePlan, child: &DetachedChild) -> Option<usize> {
    let mut tables = plan.tables.iter();
    tables.position(|moved| moved.table.id.oid == child.table.oid)
}

/// The outcomes of the links of one child, before any link is put back. It needs `target`, and `taken_{n}` for a child whose
/// rows are restored too.
///
/// Races: the rows are locked here and their newest version is read: a row that got another link is not changed. A row that is
/// archived, restored or deleted at the same time is in the snapshot but can no longer be locked; `settled` raises then, and
/// the caller retries.
pub(super) fn outcomes(plan: &RestorePlan, d: usize, child: &DetachedChild) -> Vec<String> {
    let mut parts = vec![links(plan, d, child)];
    parts.push(rows(d, child, "active", &child.table, ""));
    let mut places = vec![format!("SELECT * FROM active_{d}")];
    if let Some(archive_table) = &child.archive_table {
        let others = format!(
            " AND t.{} NOT IN (SELECT g.id FROM target AS g)",
            quote(&archive_table.archival_id)
        );
        parts.push(rows(d, child, "archived", &archive_table.id, &others));
        places.push(format!("SELECT * FROM archived_{d}"));
    }
    if let Some(n) = taken_as(plan, child) {
        places.push(format!(
            "SELECT p.child_key, p.links, true AS own, {} AS open FROM taken_{n} AS t JOIN links_{d} AS p ON {}",
            open(child),
            has_recorded_key(&child.key, "t", "p.child_key"),
        ));
    }
    parts.push(format!(
        "place_{d} AS MATERIALIZED (SELECT p.child_key, (pg_catalog.array_agg(p.links))[1] AS links, pg_catalog.bool_and(p.own) AS own, \
         (pg_catalog.array_agg(p.open))[1] AS open, pg_catalog.count(*) AS rows FROM ({}) AS p GROUP BY p.child_key)",
        places.join(" UNION ALL ")
    ));
    parts.push(format!(
        "outcome_{d} AS MATERIALIZED (SELECT l.archival_id, l.child_key, l.edge, l.link, l.deleted, \
         CASE WHEN l.deleted THEN 'row_deleted' WHEN NOT l.named THEN 'parent_missing' WHEN p.child_key IS NULL THEN 'row_missing' WHEN p.rows OPERATOR(pg_catalog.>) 1 OR l.times OPERATOR(pg_catalog.>) 1 THEN 'key_taken' WHEN NOT p.own THEN 'other_tenant' \
         WHEN l.id OPERATOR(pg_catalog.<>) l.latest OR NOT (p.open OPERATOR(pg_catalog.->>) l.edge)::boolean THEN 'other_link' END AS reason \
         FROM link_{d} AS l LEFT JOIN place_{d} AS p ON p.child_key OPERATOR(pg_catalog.=) l.child_key)"
    ));
    parts
}

/// The detached links of archivals, of all children.
pub(super) fn recorded(archivals: &str, only_where: &str) -> String {
    format!(
        "recorded AS MATERIALIZED (SELECT l.* FROM archive.links_of({archivals}) AS l WHERE {only_where})"
    )
}

/// The links of this child, and the links of each row together. A link that an archival has twice belongs to an active and an
/// archived row with the same key: neither row gets it. A link that names no row of the archivals is not put back either. Where
/// several archivals cut the same foreign key of a row, one after the other, the row gets what was cut last: ids of links ascend,
/// and a link that is reassigned to another archival has its id still.
fn links(plan: &RestorePlan, d: usize, child: &DetachedChild) -> String {
    let parents: Vec<_> = child
        .edges
        .iter()
        .enumerate()
        .filter_map(|(e, edge)| named(plan, e, &edge.key))
        .collect();
    let joins: String = parents.iter().map(|(join, _)| join.as_str()).collect();
    let named: Vec<_> = parents.iter().map(|(_, named)| named.as_str()).collect();
    let named = if named.is_empty() {
        "true".to_owned()
    } else {
        named.join(" AND ")
    };
    format!(
        "link_{d} AS MATERIALIZED (SELECT n.*, pg_catalog.count(*) FILTER (WHERE NOT n.deleted) OVER (PARTITION BY n.child_key, n.edge, n.archival_id) AS times, \
         pg_catalog.max(n.id) FILTER (WHERE n.named AND NOT n.deleted) OVER (PARTITION BY n.child_key, n.edge) AS latest \
         FROM (SELECT l.id, l.archival_id, l.child_key, l.edge, l.link, l.deleted, ({named}) AS named FROM recorded AS l{joins} WHERE l.child OPERATOR(pg_catalog.=) {}::pg_catalog.regclass) AS n), \
         links_{d} AS MATERIALIZED (SELECT l.child_key, coalesce(pg_catalog.jsonb_object_agg(l.edge, l.link) \
         FILTER (WHERE l.named AND NOT l.deleted AND l.times OPERATOR(pg_catalog.=) 1 AND l.id OPERATOR(pg_catalog.=) l.latest), '{{}}') AS links FROM link_{d} AS l GROUP BY l.child_key)",
        literal(&child.table.sql())
    )
}

/// The join for a link of this edge, and the condition that the link names a restored row. `None` where the restore does not take
/// the table of the parent, or a column that the key refers to, from the archive table.
fn named(plan: &RestorePlan, e: usize, key: &ForeignKey) -> Option<(String, String)> {
    let mut tables = plan.tables.iter();
    let n = tables.position(|moved| moved.table.id.oid == key.parent.oid)?;
    let is_taken = |name: &str| {
        let column = plan.tables[n].table.column(name);
        column.is_some_and(|column| !column.generated)
    };
    if !key.columns.iter().all(|c| is_taken(&c.parent)) {
        return None;
    }
    let edge = literal(&key.edge());
    let pairs: Vec<_> = key
        .columns
        .iter()
        .map(|c| {
            format!(
                "r{e}.{} {} (l.link OPERATOR(pg_catalog.->>) {})::{}",
                quote(&c.parent),
                c.equals,
                literal(&c.child),
                type_name(&c.child_type)
            )
        })
        .collect();
    let first = quote(&key.columns.first()?.parent);
    Some((
        format!(
            " LEFT JOIN taken_{n} AS r{e} ON l.edge OPERATOR(pg_catalog.=) {edge} AND {}",
            pairs.join(" AND ")
        ),
        format!("(l.edge OPERATOR(pg_catalog.<>) {edge} OR r{e}.{first} IS NOT NULL)"),
    ))
}

/// The rows of a table that links were cut from, locked.
fn rows(d: usize, child: &DetachedChild, name: &str, table: &TableId, only: &str) -> String {
    // The administrator sees the rows of every tenant, but a link is only put back into a row with the tenant of the archival.
    // An archival from before tenancy has no tenant, and its links may belong to rows of several tenants.
    let own = match &child.table.tenant {
        Some(tenant) => format!(
            "coalesce((SELECT g.tenant OPERATOR(pg_catalog.=) '' OR {} OPERATOR(pg_catalog.=) g.tenant FROM target AS g LIMIT 1), false)",
            child.table.tenant_text("t", tenant)
        ),
        None => "true".to_owned(),
    };
    format!(
        "{name}_{d} AS MATERIALIZED (SELECT p.child_key, p.links, {own} AS own, {} AS open FROM {} AS t JOIN links_{d} AS p ON {}{only} FOR NO KEY UPDATE OF t)",
        open(child),
        table.sql(),
        has_recorded_key(&child.key, "t", "p.child_key"),
    )
}

/// For each edge of the row `t`, whether this archival cut it, the cut columns are still NULL, and the other columns still refer
/// to the same parent.
fn open(child: &DetachedChild) -> String {
    let edges: Vec<_> = child
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
            let open = format!(
                "coalesce(p.links OPERATOR(pg_catalog.?) {name} AND {}, false)",
                open.join(" AND ")
            );
            (edge.key.edge(), open)
        })
        .collect();
    object(&edges)
}

/// The condition that the row `p` of `place` gets this edge back.
pub(super) fn is_open(edge: &str) -> String {
    format!("(p.open OPERATOR(pg_catalog.->>) {edge})::boolean")
}

/// The value of a column before the link was cut.
fn link_value(edge: &str, column: &ForeignKeyColumn) -> String {
    format!(
        "(p.links OPERATOR(pg_catalog.->) {edge} OPERATOR(pg_catalog.->>) {})::{}",
        literal(&column.child),
        type_name(&column.child_type)
    )
}

/// The columns that links are put back into, each with its value.
fn assignments(child: &DetachedChild) -> Vec<(String, String)> {
    let mut cases: Vec<(String, Vec<String>)> = Vec::new();
    for edge in &child.edges {
        let name = literal(&edge.key.edge());
        for column in DetachedChild::nulled(&edge.key) {
            let case = format!("WHEN {} THEN {}", is_open(&name), link_value(&name, column));
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

/// Puts the links back, in the table and in its archive table, and deletes the records of settled links.
pub(super) fn put_back(d: usize, child: &DetachedChild) -> Vec<String> {
    let mut parts = update(d, child, "active", &child.table);
    if let Some(archive_table) = &child.archive_table {
        parts.extend(update(d, child, "archived", &archive_table.id));
    }
    parts.push(forget(d, child));
    parts
}

/// The UPDATE of one table, which returns for each row whether it has its links after the triggers.
fn update(d: usize, child: &DetachedChild, name: &str, table: &TableId) -> Vec<String> {
    let assigned: Vec<_> = assignments(child)
        .into_iter()
        .map(|(column, value)| format!("{} = {value}", quote(&column)))
        .collect();
    let edges = child.edges.iter().map(|edge| literal(&edge.key.edge()));
    let any: Vec<_> = edges.map(|edge| is_open(&edge)).collect();
    let done: Vec<_> = child
        .edges
        .iter()
        .map(|edge| {
            let name = literal(&edge.key.edge());
            let linked: Vec<_> = DetachedChild::nulled(&edge.key)
                .map(|c| {
                    format!(
                        "t.{} {} {}",
                        quote(&c.child),
                        c.equals,
                        link_value(&name, c)
                    )
                })
                .collect();
            format!(
                "(NOT {} OR coalesce({}, false))",
                is_open(&name),
                linked.join(" AND ")
            )
        })
        .collect();
    vec![
        format!(
            "put_{name}_{d} AS MATERIALIZED (SELECT p.child_key, p.links, p.open FROM {name}_{d} AS a JOIN place_{d} AS p ON p.child_key OPERATOR(pg_catalog.=) a.child_key \
             WHERE p.rows OPERATOR(pg_catalog.=) 1 AND p.own AND ({}))",
            any.join(" OR ")
        ),
        format!(
            "relinked_{name}_{d} AS (UPDATE {} AS t SET {} FROM put_{name}_{d} AS p WHERE {} RETURNING {} AS done)",
            table.sql(),
            assigned.join(", "),
            has_recorded_key(&child.key, "t", "p.child_key"),
            done.join(" AND ")
        ),
    ]
}

fn forget(d: usize, child: &DetachedChild) -> String {
    format!(
        "forgotten_{d} AS MATERIALIZED (SELECT archive.forget_links(pg_catalog.array_agg(o.archival_id), {}::pg_catalog.regclass, \
         pg_catalog.array_agg(o.child_key), pg_catalog.array_agg(o.edge), pg_catalog.array_agg(o.deleted)) AS links FROM outcome_{d} AS o WHERE {SETTLED} \
         HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0)",
        literal(&child.table.sql())
    )
}

/// The rows of a table as they are inserted, with the links that were cut from them. An UPDATE of the archive table would affect a
/// row that this statement deletes.
pub(super) fn mended<'a>(
    plan: &RestorePlan,
    n: usize,
    moved: &'a Moved,
    written: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let mut children = plan.detached.iter().enumerate();
    let (d, child) = children.find(|(_, child)| child.table.oid == moved.table.id.oid)?;
    let values = assignments(child);
    let values: Vec<_> = written
        .map(
            |name| match values.iter().find(|(column, _)| column == name) {
                Some((_, value)) => format!("{value} AS {}", quote(name)),
                None => format!("t.{}", quote(name)),
            },
        )
        .collect();
    Some(format!(
        "mended_{n} AS (SELECT {} FROM taken_{n} AS t LEFT JOIN place_{d} AS p ON {} AND p.rows OPERATOR(pg_catalog.=) 1)",
        values.join(", "),
        has_recorded_key(&child.key, "t", "p.child_key"),
    ))
}

/// The conditions that every link was put back, and that no row moved at the same time.
pub(super) fn guards(d: usize, child: &DetachedChild) -> Vec<String> {
    let message = literal(&refused(
        child,
        "getting its link back",
        "nothing was restored",
    ));
    let all_done = |name: &str| {
        format!(
            "(CASE WHEN (SELECT pg_catalog.count(*) FROM put_{name}_{d}) OPERATOR(pg_catalog.=) (SELECT pg_catalog.count(*) FROM relinked_{name}_{d} AS u WHERE u.done) \
             THEN true ELSE archive.stop('{TRIGGER}', {message}) END)"
        )
    };
    let mut guards = vec![all_done("active"), settled(d, child), forgotten(d)];
    if child.archive_table.is_some() {
        guards.push(all_done("archived"));
    }
    guards
}

/// The condition that the records of settled links were deleted. This guard also causes the call of the function.
fn forgotten(d: usize) -> String {
    format!(
        "(CASE WHEN coalesce((SELECT f.links FROM forgotten_{d} AS f), 0) OPERATOR(pg_catalog.=) (SELECT pg_catalog.count(*) FROM outcome_{d} AS o WHERE {SETTLED}) \
         THEN true ELSE archive.stop('{SERIALIZATION_FAILURE}', 'detached links changed meanwhile: try again') END)"
    )
}

/// Raises if a row of the snapshot could no longer be locked: it was moved or deleted at the same time.
fn settled(d: usize, child: &DetachedChild) -> String {
    let at = has_recorded_key(&child.key, "t", "o.child_key");
    let mut seen = vec![format!(
        "EXISTS (SELECT FROM {} AS t WHERE {at})",
        child.table.sql()
    )];
    seen.extend(child.archive_table.as_ref().map(|archive_table| {
        format!(
            "EXISTS (SELECT FROM {} AS t WHERE {at} AND t.{} NOT IN (SELECT g.id FROM target AS g))",
            archive_table.id.sql(),
            quote(&archive_table.archival_id)
        )
    }));
    let message = format!(
        "rows of {} that a link was cut from were moved or deleted meanwhile: try again",
        child.table
    );
    format!(
        "(CASE WHEN NOT EXISTS (SELECT FROM outcome_{d} AS o WHERE o.reason OPERATOR(pg_catalog.=) 'row_missing' AND ({})) THEN true ELSE archive.stop('{SERIALIZATION_FAILURE}', {}) END)",
        seen.join(" OR "),
        literal(&message)
    )
}

/// The number of links that were put back.
pub(super) fn count(plan: &RestorePlan) -> String {
    let counts: Vec<_> = (0..plan.detached.len())
        .map(|d| {
            format!("(SELECT pg_catalog.count(*) FROM outcome_{d} AS o WHERE o.reason IS NULL)")
        })
        .collect();
    if counts.is_empty() {
        "0".to_owned()
    } else {
        counts.join(" OPERATOR(pg_catalog.+) ")
    }
}

/// The links that were not put back, each with the reason.
pub(super) fn not_put_back(plan: &RestorePlan) -> String {
    let links: Vec<_> = plan
        .detached
        .iter()
        .enumerate()
        .map(|(d, child)| {
            let names: Vec<_> = child
                .edges
                .iter()
                .map(|edge| {
                    format!(
                        "WHEN {} THEN {}",
                        literal(&edge.key.edge()),
                        literal(&edge.key.name)
                    )
                })
                .collect();
            let link = object(&[
                ("table".to_owned(), literal(&child.table.to_string())),
                (
                    "constraint".to_owned(),
                    format!("CASE o.edge {} END", names.join(" ")),
                ),
                ("key".to_owned(), recorded_key(&child.key, "o.child_key")),
                ("link".to_owned(), "o.link".to_owned()),
                ("reason".to_owned(), "o.reason".to_owned()),
            ]);
            format!(
                "coalesce((SELECT pg_catalog.jsonb_agg({link} ORDER BY o.child_key, o.edge) FROM outcome_{d} AS o WHERE o.reason IS NOT NULL), '[]'::pg_catalog.jsonb)"
            )
        })
        .collect();
    if links.is_empty() {
        "'[]'::pg_catalog.jsonb".to_owned()
    } else {
        links.join(" OPERATOR(pg_catalog.||) ")
    }
}

/// For a preview: the links that a restore of the archivals `$1` would not put back. It locks the same rows as the restore.
pub fn preview(plan: &RestorePlan) -> Option<String> {
    if plan.detached.is_empty() {
        return None;
    }
    let mut parts = vec![
        recorded("$1", "true"),
        "target AS MATERIALIZED (SELECT a.id, a.tenant FROM archive.archival AS a WHERE a.id = ANY ($1))"
            .to_owned(),
    ];
    for (n, moved) in plan.tables.iter().enumerate() {
        parts.push(format!(
            "taken_{n} AS (SELECT t.* FROM {} AS t, target AS g WHERE t.{} = g.id)",
            moved.archive_table.id.sql(),
            quote(&moved.archive_table.archival_id)
        ));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(outcomes(plan, d, child));
    }
    Some(with(
        parts,
        &format!("SELECT {} AS result", not_put_back(plan)),
    ))
}
