//! The statements that restore an archival: one, or where triggers may change what is restored, several.

use super::freshness::unchanged;
use super::tree::with;
use super::{Kind, Roots, Step, relink, verify};
use crate::ident::{bare, columns, literal, object, quote};
use crate::model::{Moved, RestorePlan};
use crate::sqlstate::{INCOMPLETE_ARCHIVAL, OTHER_PLAN, OTHER_TENANT};

/// The statements of one restore, in order. Without triggers of the application it is one.
pub fn steps(plan: &RestorePlan) -> Vec<Step> {
    if plan.acting().is_empty() {
        return vec![Step::new(Kind::Moves, moving(plan, &answer(plan)))];
    }
    verify::steps(plan)
}

/// The statements that restore the archivals `ids` of `$1` together, for a proof that is rolled back. All deferred constraints
/// and triggers are checked in it.
pub fn proof(plan: &RestorePlan, which: Roots) -> Vec<Step> {
    let joined = (which == Roots::Many).then(|| Step::new(Kind::Once, joined(plan)));
    joined.into_iter().chain(verify::proof(plan)).collect()
}

/// Assigns the rows and the links of the archivals `ids` to the archival `$3`.
fn joined(plan: &RestorePlan) -> String {
    let others = "others AS MATERIALIZED (SELECT e.id::bigint AS id FROM pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'ids') AS e(id) \
         WHERE e.id::bigint OPERATOR(pg_catalog.<>) $3)";
    let rows = plan.tables.iter().enumerate().map(|(n, moved)| {
        let archival_id = quote(&moved.archive_table.archival_id);
        format!(
            "joined_{n} AS (UPDATE {} AS t SET {archival_id} = $3 FROM others AS o WHERE t.{archival_id} OPERATOR(pg_catalog.=) o.id)",
            moved.archive_table.id.sql()
        )
    });
    let links = plan.detached.iter().enumerate().map(|(d, child)| {
        let table = format!("{}::pg_catalog.regclass", literal(&child.table.sql()));
        format!(
            "links_{d} AS MATERIALIZED (SELECT archive.move_links(o.id, {table}, pg_catalog.array_agg($3), pg_catalog.array_agg(l.child_key), \
             pg_catalog.array_agg(l.edge)) AS moved FROM others AS o CROSS JOIN LATERAL archive.links_of(o.id) AS l \
             WHERE l.child OPERATOR(pg_catalog.=) {table} GROUP BY o.id)"
        )
    });
    let counts = (0..plan.detached.len()).map(|d| {
        format!("(SELECT pg_catalog.count(*) FROM links_{d} AS l WHERE l.moved IS NOT NULL)")
    });
    let counts: Vec<_> = std::iter::once("0".to_owned()).chain(counts).collect();
    with(
        std::iter::once(others.to_owned()).chain(rows).chain(links),
        &format!(
            "SELECT pg_catalog.to_jsonb({})",
            counts.join(" OPERATOR(pg_catalog.+) ")
        ),
    )
}

/// The moving statement. `$1` is what `archive.begin_restore` returned, `$3` the id of the archival, `$4` who restores it.
///
/// Races: `archive.begin_restore` marked and locked the archival record in the statement before, so a second restore waits and
/// then finds the archival restored. A restore that defers rows to this archival waits for the same lock. DELETE .. RETURNING
/// returns exactly the deleted rows, and a conflict with an active row rolls the restore back: there is no ON CONFLICT, which
/// would drop rows.
pub(super) fn moving(plan: &RestorePlan, answer: &str) -> String {
    let mut parts = Vec::new();
    if !plan.detached.is_empty() {
        // `archive.begin_restore` has counted the links: they are read only if there are any.
        parts.push(relink::recorded(
            "$3",
            "($1 OPERATOR(pg_catalog.->>) 'links')::bigint OPERATOR(pg_catalog.>) 0",
        ));
    }
    parts.push(target(plan));
    let tables = || plan.tables.iter().enumerate();
    parts.extend(tables().map(|(n, moved)| taken(n, moved)));
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relink::outcomes(plan, d, child));
    }
    for (n, moved) in tables() {
        parts.extend(relink::mended(plan, n, moved, written(moved)));
        parts.push(back(plan, n, moved));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relink::put_back(d, child));
    }
    let unchanged = std::iter::once(unchanged(&plan.freshness));
    let guards: Vec<_> = unchanged.chain(guards(plan)).collect();
    let guards = guards.join(" AND ");
    with(
        parts,
        &format!("SELECT {answer} FROM target AS g WHERE {guards}"),
    )
}

/// The archival. Raises if it has links that this plan does not know.
fn target(plan: &RestorePlan) -> String {
    let target = "SELECT $3 AS id, $1 OPERATOR(pg_catalog.->>) 'tenant' AS tenant";
    if plan.detached.is_empty() {
        return format!("target AS NOT MATERIALIZED ({target})");
    }
    format!(
        "target AS MATERIALIZED ({target} WHERE CASE WHEN NOT EXISTS (SELECT FROM recorded AS l WHERE NOT ({})) \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other links') END)",
        relink::is_known(plan)
    )
}

/// The condition that this plan knows the tables of the archival in `claim`, the result of `archive.begin_restore`, and that the
/// archival has no links if the plan has none.
pub fn is_planned(plan: &RestorePlan, claim: &str) -> String {
    let oids = plan
        .tables
        .iter()
        .map(|m| format!("\"{}\"", m.table.id.oid));
    let oids: Vec<_> = oids.collect();
    let links = if plan.detached.is_empty() {
        format!(" AND {claim} OPERATOR(pg_catalog.->>) 'links' OPERATOR(pg_catalog.=) '0'")
    } else {
        String::new()
    };
    format!(
        "CASE WHEN {claim} OPERATOR(pg_catalog.->) 'tables' OPERATOR(pg_catalog.->>) 0 OPERATOR(pg_catalog.=) '{}' \
         AND {claim} OPERATOR(pg_catalog.->) 'tables' OPERATOR(pg_catalog.<@) '[{}]'::pg_catalog.jsonb{links} \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other tables') END",
        plan.tables
            .first()
            .map(|m| m.table.id.oid)
            .unwrap_or_default(),
        oids.join(", "),
    )
}

/// The columns that are written: all but the generated ones.
pub(super) fn written(moved: &Moved) -> impl Iterator<Item = &str> {
    moved
        .table
        .columns
        .iter()
        .filter(|c| !c.generated)
        .map(|c| c.name.as_str())
}

pub(super) fn taken(n: usize, moved: &Moved) -> String {
    format!(
        "taken_{n} AS (DELETE FROM {} AS t USING target AS g WHERE t.{} = g.id RETURNING {})",
        moved.archive_table.id.sql(),
        quote(&moved.archive_table.archival_id),
        columns("t", written(moved))
    )
}

/// The expression that contains the rows of a table as they are inserted.
pub(super) fn returning_rows(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    match relink::mended(plan, n, moved, written(moved)) {
        Some(_) => format!("mended_{n}"),
        None => format!("taken_{n}"),
    }
}

/// Inserts the rows. OVERRIDING SYSTEM VALUE preserves the ids of identity columns and is allowed on any table.
fn back(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    format!(
        "back_{n} AS (INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} RETURNING 1)",
        moved.table.id.sql(),
        bare(written(moved)),
        bare(written(moved)),
        returning_rows(plan, n, moved),
    )
}

/// The conditions after all rows are inserted. A guard that fails rolls the restore back.
fn guards(plan: &RestorePlan) -> Vec<String> {
    let mut guards = Vec::new();
    if let Some(root) = plan.tables.first() {
        let message = format!(
            "{} no longer holds the root of this archival, so nothing was restored: the row was removed from the archive table with plain SQL. Insert it again there with the same archival id; \
             or insert the other rows of the archival into their tables with plain SQL, and delete them from the archive tables",
            root.archive_table.id
        );
        guards.push(format!(
            "(CASE WHEN EXISTS (SELECT FROM taken_0) THEN true ELSE archive.stop('{INCOMPLETE_ARCHIVAL}', {}) END)",
            literal(&message)
        ));
    }
    guards.extend(strangers(plan));
    for (d, child) in plan.detached.iter().enumerate() {
        guards.extend(relink::guards(d, child));
    }
    guards
}

/// Raises if the archival contains rows of another tenant: a role inserted them with plain SQL, and only a role that sees the rows
/// of every tenant would restore them. An archival without a tenant is from before tenancy and may hold rows of several.
pub(super) fn strangers(plan: &RestorePlan) -> impl Iterator<Item = String> {
    let tables = plan.tables.iter().enumerate();
    tables.filter_map(|(n, moved)| {
        let table = &moved.table.id;
        let tenant = table.tenant.as_ref()?;
        let tenant = table.tenant_text("t", written(moved).find(|name| name == tenant)?);
        Some(format!(
            "(CASE WHEN NOT EXISTS (SELECT FROM taken_{n} AS t, target AS g WHERE {tenant} IS DISTINCT FROM g.tenant AND g.tenant IS DISTINCT FROM '') \
             THEN true ELSE archive.stop('{OTHER_TENANT}', {}) END)",
            literal(&moved.archive_table.id.to_string())
        ))
    })
}

/// What a restore returns.
pub(super) fn answer(plan: &RestorePlan) -> String {
    format!(
        "{} OPERATOR(pg_catalog.||) {}",
        counts(plan),
        finished("g.id")
    )
}

/// How many rows were inserted, and what became of the links. The counts cause all rows to move.
fn counts(plan: &RestorePlan) -> String {
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
    object(&[
        ("rows".to_owned(), object(&rows)),
        ("relinked".to_owned(), relink::count(plan)),
        ("not_relinked".to_owned(), relink::not_put_back(plan)),
    ])
}

/// The record. Evaluated last: where it marks the archival, it refuses while rows remain.
fn finished(archival: &str) -> String {
    object(&[(
        "archival".to_owned(),
        format!(
            "coalesce($1 OPERATOR(pg_catalog.->) 'record', archive.finish_restore({archival}, $4))"
        ),
    )])
}
