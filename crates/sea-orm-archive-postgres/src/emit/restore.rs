//! The one statement that brings an archival back.

use super::freshness::unchanged;
use super::relink;
use super::tree::with;
use crate::ident::{bare, columns, literal, object, quote};
use crate::model::{Moved, RestorePlan};
use crate::sqlstate::{INCOMPLETE_ARCHIVAL, OTHER_PLAN, OTHER_TENANT, TRIGGER};

/// The moving statement. `$1` is what `archive.begin_restore` returned, `$3` the id of the archival, `$4` who restores it.
///
/// Races: the archival record was marked by `archive.begin_restore` in the statement before, so two restores come
/// one after the other and the second finds it done; rows that another restore leaves to this
/// archival wait for the same lock. DELETE .. RETURNING gives exactly what was taken out, and a
/// conflict with an active row takes everything back: there is no ON CONFLICT, which would drop rows.
pub fn moving(plan: &RestorePlan) -> String {
    let mut parts = Vec::new();
    if !plan.detached.is_empty() {
        // `archive.begin_restore` has counted the links: where there are none, none are read.
        parts.push(relink::remembered(
            "$3",
            "($1 OPERATOR(pg_catalog.->>) 'links')::bigint OPERATOR(pg_catalog.>) 0",
        ));
    }
    parts.push(target(plan));
    for (n, moved) in plan.tables.iter().enumerate() {
        parts.push(taken(n, moved));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relink::outcomes(plan, d, child));
    }
    for (n, moved) in plan.tables.iter().enumerate() {
        parts.extend(relink::mended(plan, n, moved, written(moved)));
        parts.push(back(plan, n, moved));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relink::put_back(d, child));
    }
    let unchanged = std::iter::once(unchanged(&plan.basis));
    let guards: Vec<_> = unchanged.chain(guards(plan)).collect();
    let guards = guards.join(" AND ");
    with(
        parts,
        &format!("SELECT {} FROM target AS g WHERE {guards}", answer(plan)),
    )
}

/// The archival, where this plan knows the links that it remembers.
fn target(plan: &RestorePlan) -> String {
    let target = "SELECT $3 AS id, $1 OPERATOR(pg_catalog.->>) 'tenant' AS tenant";
    if plan.detached.is_empty() {
        return format!("target AS NOT MATERIALIZED ({target})");
    }
    format!(
        "target AS MATERIALIZED ({target} WHERE CASE WHEN NOT EXISTS (SELECT FROM remembered AS l WHERE NOT ({})) \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other links') END)",
        relink::is_known(plan)
    )
}

/// SQL: true where this plan knows the tables of the archival that `claim` says, and that it has no links that it
/// does not know.
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

/// The columns that are written: generated ones are left to the database.
pub(super) fn written(moved: &Moved) -> impl Iterator<Item = &str> {
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
        moved.archive_table.id.sql(),
        quote(&moved.archive_table.archival_id),
        columns("t", written(moved))
    )
}

/// The rows of a table as they go back.
fn returning_rows(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    match relink::mended(plan, n, moved, written(moved)) {
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

/// What must hold once everything is back; a guard that fails takes all of it away again.
fn guards(plan: &RestorePlan) -> Vec<String> {
    let mut guards = Vec::new();
    if let Some(root) = plan.tables.first() {
        let message = format!(
            "{} no longer holds the root of this archival, so nothing was restored: the row was removed from the archive table by hand",
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
    for (n, moved) in plan.tables.iter().enumerate() {
        let Some(trigger) = moved.table.intercepts_insert() else {
            continue;
        };
        let message = format!(
            "the trigger {} dropped or changed a row of {} on its way back, so nothing was restored: let it pass the rows that are restored",
            trigger.name, moved.table.id
        );
        // As text, since not every type can be compared.
        let row = format!("ROW({})::pg_catalog.text", bare(written(moved)));
        guards.push(format!(
            "(CASE WHEN NOT EXISTS (SELECT {row} FROM {} EXCEPT ALL SELECT {row} FROM back_{n}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
            returning_rows(plan, n, moved),
            literal(&message)
        ));
    }
    guards
}

/// Rows of another tenant that stand in this archival: somebody put them there, and only who sees the rows of every
/// tenant would bring them back along. The archival of no tenant is from before tenancy, and may hold rows of several.
fn strangers(plan: &RestorePlan) -> impl Iterator<Item = String> {
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
    object(&[
        ("rows".to_owned(), object(&rows)),
        ("relinked".to_owned(), relink::count(plan)),
        ("not_relinked".to_owned(), relink::not_put_back(plan)),
        // Last: where it marks the archival, it refuses while rows remain; what is counted before has moved by then.
        (
            "archival".to_owned(),
            "coalesce($1 OPERATOR(pg_catalog.->) 'record', archive.finish_restore(g.id, $4))"
                .to_owned(),
        ),
    ])
}
