//! The statement that moves the rows of an archival back.

use crate::emit::freshness::unchanged;
use crate::emit::partitions::and_between;
use crate::emit::tree::{TAG, with};
use crate::emit::{Roots, relink};
use crate::ident::{bare, columns, literal, object, quote};
use crate::model::{Moved, RestorePlan};
use crate::sqlstate::{INCOMPLETE_ARCHIVAL, OTHER_PLAN, OTHER_TENANT};

/// The moving statement. `$1` is what `archive.begin_restore` or `archive.claim_archivals` returned, `$3` the id of the (first)
/// archival, `$4` who restores it.
///
/// Races: that function locked the archival records in the statement before, so a second restore waits and then finds the archivals
/// restored. A restore that defers rows to one of them waits for the same lock. DELETE .. RETURNING
/// returns exactly the deleted rows, and a conflict with an active row rolls the restore back: there is no ON CONFLICT, which
/// would drop rows.
pub(super) fn moving(plan: &RestorePlan, answer: &str, which: Roots) -> String {
    let mut parts = Vec::new();
    if !plan.detached.is_empty() {
        // The links have been counted: they are read only if there are any.
        let archivals = match which {
            Roots::One => "ARRAY[$3]".to_owned(),
            Roots::Many => format!("ARRAY({ALL})"),
        };
        parts.push(relink::recorded(
            &archivals,
            "($1 OPERATOR(pg_catalog.->>) 'links')::bigint OPERATOR(pg_catalog.>) 0",
        ));
    }
    parts.push(target(plan, which));
    let tables = || plan.tables.iter().enumerate();
    parts.extend(tables().map(|(n, moved)| taken(n, moved, which)));
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relink::outcomes(plan, d, child));
    }
    for (n, moved) in tables() {
        parts.extend(relink::mended(plan, n, moved, moved.written()));
        parts.push(back(plan, n, moved));
    }
    for (d, child) in plan.detached.iter().enumerate() {
        parts.extend(relink::put_back(d, child));
    }
    let unchanged = std::iter::once(unchanged(&plan.freshness));
    // It has a condition itself where there are links.
    let target = (!plan.detached.is_empty()).then(|| "EXISTS (SELECT FROM target)".to_owned());
    let guards: Vec<_> = unchanged.chain(target).chain(guards(plan, which)).collect();
    let guards = guards.join(" AND ");
    with(parts, &format!("SELECT {answer} WHERE {guards}"))
}

/// The ids of the archivals.
const ALL: &str = "SELECT i.id::bigint AS id FROM pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'ids') AS i(id)";

/// The archivals with their tenant, which is the same for all. Raises if they have links that this plan does not know.
fn target(plan: &RestorePlan, which: Roots) -> String {
    let tenant = "$1 OPERATOR(pg_catalog.->>) 'tenant' AS tenant";
    let target = match which {
        Roots::One => format!("SELECT $3 AS id, {tenant}"),
        Roots::Many => format!("SELECT a.id, {tenant} FROM ({ALL}) AS a"),
    };
    if plan.detached.is_empty() {
        let materialized = match which {
            Roots::One => "NOT MATERIALIZED",
            Roots::Many => "MATERIALIZED",
        };
        return format!("target AS {materialized} ({target})");
    }
    format!(
        "target AS MATERIALIZED ({target} WHERE CASE WHEN NOT EXISTS (SELECT FROM recorded AS l WHERE NOT ({})) \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other links') END)",
        relink::is_known(plan)
    )
}

/// The condition that this plan knows the tables of the archivals in `claim`, the result of `archive.begin_restore` or
/// `archive.claim_archivals`, and that they have no links if the plan has none.
pub fn is_planned(plan: &RestorePlan, claim: &str, which: Roots) -> String {
    let oids = plan.tables.iter().map(|m| m.table.id.oid);
    let oids: Vec<_> = oids.collect();
    let quoted: Vec<_> = oids.iter().map(|oid| format!("\"{oid}\"")).collect();
    let root = match which {
        Roots::One => format!(
            "{claim} OPERATOR(pg_catalog.->) 'tables' OPERATOR(pg_catalog.->>) 0 OPERATOR(pg_catalog.=) '{}' AND ",
            oids.first().copied().unwrap_or_default()
        ),
        // Each root table of the plan has its own guard.
        Roots::Many => String::new(),
    };
    let links = if plan.detached.is_empty() {
        format!(" AND {claim} OPERATOR(pg_catalog.->>) 'links' OPERATOR(pg_catalog.=) '0'")
    } else {
        String::new()
    };
    format!(
        "CASE WHEN {root}{claim} OPERATOR(pg_catalog.->) 'tables' OPERATOR(pg_catalog.<@) '[{}]'::pg_catalog.jsonb{links} \
         THEN true ELSE archive.stop('{OTHER_PLAN}', 'the archival holds other tables') END",
        quoted.join(", "),
    )
}

fn taken(n: usize, moved: &Moved, which: Roots) -> String {
    let archival_id = quote(&moved.archive_table.archival_id);
    let tag = match which {
        Roots::One => String::new(),
        Roots::Many => format!(", t.{archival_id} AS {TAG}"),
    };
    format!(
        "taken_{n} AS (DELETE FROM {} AS t USING target AS g WHERE t.{archival_id} = g.id{} RETURNING {}{tag})",
        moved.archive_table.id.sql(),
        and_between(moved, "t", which),
        columns("t", moved.written())
    )
}

/// The expression that contains the rows of a table as they are inserted.
pub(super) fn returning_rows(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    match relink::mended(plan, n, moved, moved.written()) {
        Some(_) => format!("mended_{n}"),
        None => format!("taken_{n}"),
    }
}

/// Inserts the rows. OVERRIDING SYSTEM VALUE preserves the ids of identity columns and is allowed on any table.
fn back(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    format!(
        "back_{n} AS (INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} RETURNING 1)",
        moved.table.id.sql(),
        bare(moved.written()),
        bare(moved.written()),
        returning_rows(plan, n, moved),
    )
}

/// The conditions after all rows are inserted. A guard that fails rolls the restore back.
fn guards(plan: &RestorePlan, which: Roots) -> Vec<String> {
    let mut guards = match which {
        Roots::One => plan.tables.first().map(root_of_one).into_iter().collect(),
        Roots::Many => plan
            .tables
            .iter()
            .enumerate()
            .map(|(n, moved)| roots_of_many(n, moved))
            .collect::<Vec<_>>(),
    };
    guards.extend(strangers(plan));
    for (d, child) in plan.detached.iter().enumerate() {
        guards.extend(relink::guards(d, child));
    }
    guards
}

/// Raises if the archive table no longer has the root of the archival.
fn root_of_one(root: &Moved) -> String {
    format!(
        "(CASE WHEN EXISTS (SELECT FROM taken_0) THEN true ELSE {} END)",
        incomplete(root, "$3")
    )
}

/// The same for each archival with a root in this table.
fn roots_of_many(n: usize, moved: &Moved) -> String {
    let lost = format!(
        "SELECT r.id::bigint FROM pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'ids_by_root' OPERATOR(pg_catalog.->) '{}') AS r(id) \
         EXCEPT SELECT t.{TAG} FROM taken_{n} AS t",
        moved.table.id.oid
    );
    format!(
        "(CASE WHEN NOT EXISTS ({lost}) THEN true ELSE {} END)",
        incomplete(
            moved,
            &format!("(SELECT pg_catalog.min(l.id) FROM ({lost}) AS l(id))")
        )
    )
}

/// Raises for an archival without its root.
fn incomplete(root: &Moved, archival: &str) -> String {
    let before = format!(
        "{} no longer holds the root of archival ",
        root.archive_table.id
    );
    let after = ", so nothing was restored: the row was removed from the archive table with plain SQL. Insert it again there with the same archival id; \
         or insert the other rows of the archival into their tables with plain SQL, and delete them from the archive tables";
    format!(
        "archive.stop('{INCOMPLETE_ARCHIVAL}', pg_catalog.concat({}, {archival}, {}))",
        literal(&before),
        literal(after)
    )
}

/// Raises if the archival contains rows of another tenant: a role inserted them with plain SQL, and only a role that sees the rows
/// of every tenant would restore them. An archival without a tenant is from before tenancy and may hold rows of several.
fn strangers(plan: &RestorePlan) -> impl Iterator<Item = String> {
    let tables = plan.tables.iter().enumerate();
    tables.filter_map(|(n, moved)| {
        let table = &moved.table.id;
        let tenant = table.tenant.as_ref()?;
        let tenant = table.tenant_text("t", moved.written().find(|name| name == tenant)?);
        Some(format!(
            "(CASE WHEN NOT EXISTS (SELECT FROM taken_{n} AS t, (SELECT g.tenant FROM target AS g LIMIT 1) AS g WHERE ARRAY[{tenant}] OPERATOR(pg_catalog.<>) ARRAY[g.tenant] AND ARRAY[g.tenant] OPERATOR(pg_catalog.<>) ARRAY['']) \
             THEN true ELSE archive.stop('{OTHER_TENANT}', {}) END)",
            literal(&moved.archive_table.id.to_string())
        ))
    })
}

/// What a restore returns.
pub(super) fn answer(plan: &RestorePlan, which: Roots) -> String {
    format!(
        "{} OPERATOR(pg_catalog.||) {}",
        counts(plan),
        finished(which)
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

/// The records. Evaluated last: where it marks the archivals, it refuses while rows remain.
fn finished(which: Roots) -> String {
    let marked = |archivals: &str| format!("archive.finish_restores({archivals}, $4)");
    let record = "$1 OPERATOR(pg_catalog.->) 'record'";
    let (name, value) = match which {
        Roots::One => (
            "archival",
            format!(
                "coalesce({record}, {} OPERATOR(pg_catalog.->) 0)",
                marked("ARRAY[$3]")
            ),
        ),
        Roots::Many => (
            "archivals",
            format!(
                "coalesce({record}, {})",
                marked("ARRAY(SELECT g.id FROM target AS g)")
            ),
        ),
    };
    object(&[(name.to_owned(), value)])
}
