//! A restore whose rows triggers of the application may change: the restored rows are compared with the archived ones.
//!
//! The moving statement is that of every restore. It also returns the rows as they were archived, since the archive tables no
//! longer have them. The triggers fire at the end of that statement, so each comparison is a statement of its own. A row that
//! differs is updated, such as a row with a counter that a trigger has incremented. The restore fails if a row still differs, is
//! missing, or was added.
//!
//! Races: the statements after the move read and change only rows that this transaction has inserted, which no other session sees,
//! and rows that refer to these, which no other session can insert.

mod differences;
mod refused;

use std::collections::BTreeSet;

use super::moving::{answer, moving, returning_rows};
use crate::catalog::{ForeignKey, RowTrigger};
use crate::emit::relink::is_open;
use crate::emit::tree::with;
use crate::emit::{Kind, Roots, Step};
use crate::ident::{columns, has_recorded_key, joined, literal, object, quote, same_key};
use crate::model::{Moved, RestorePlan};
use crate::sqlstate::TRIGGER;
use refused::refused;

/// The statements of a verified restore.
pub(super) fn steps(plan: &RestorePlan, which: Roots) -> Vec<Step> {
    let mut steps = compared(plan, which);
    if let Some(names) = deferred(plan, |trigger| trigger.deferred) {
        let command = format!("SET CONSTRAINTS {names} DEFERRED");
        steps.push(Step::new(Kind::Command, command));
    }
    steps
}

/// The statements that restore archivals for the proof of an archive, which is rolled back. It also fires what a restore leaves to the commit, and compares
/// again: deferred foreign keys, and deferred triggers of other tables.
pub fn proof(plan: &RestorePlan, which: Roots) -> Vec<Step> {
    let mut steps = compared(plan, which);
    steps.push(all_immediate());
    steps.push(Step::new(Kind::Compares, has_its_links(plan)));
    steps.push(Step::new(Kind::Compares, verified(plan)));
    steps
}

/// The statements of a restore that returns the differences instead of an error, for a transaction that is rolled back.
pub fn rehearsal(plan: &RestorePlan) -> Vec<Step> {
    let mut steps = restored(plan, Roots::Many);
    steps.push(all_immediate());
    steps.push(Step::new(Kind::Compares, differences::listed(plan)));
    steps
}

fn all_immediate() -> Step {
    Step::new(Kind::Command, "SET CONSTRAINTS ALL IMMEDIATE".to_owned())
}

fn compared(plan: &RestorePlan, which: Roots) -> Vec<Step> {
    let mut steps = restored(plan, which);
    steps.push(Step::new(Kind::Compares, verified(plan)));
    steps
}

/// The statements that insert the rows, let the triggers of their tables fire, and correct the rows.
fn restored(plan: &RestorePlan, which: Roots) -> Vec<Step> {
    let moving = moving(plan, &verifiable(plan, which), which);
    let mut steps = vec![Step::new(Kind::Moves, moving)];
    // Before the comparison, so that no trigger of these tables fires after it.
    let names = deferred(plan, |_| true);
    steps.extend(
        names.map(|names| Step::new(Kind::Command, format!("SET CONSTRAINTS {names} IMMEDIATE"))),
    );
    let corrections: Vec<_> = (0..plan.tables.len())
        .filter_map(|n| corrected(plan, n))
        .collect();
    if !corrections.is_empty() && !plan.acting().is_empty() {
        let corrected = with(
            images(plan).chain(corrections),
            "SELECT 'true'::pg_catalog.jsonb",
        );
        // A correction may fire a trigger that changes another row, such as a total of counters.
        for _ in 0..CORRECTIONS {
            steps.push(Step::new(Kind::Compares, differs(plan)));
            steps.push(Step::new(Kind::IfTrue, corrected.clone()));
        }
    }
    steps
}

/// How often rows that differ are updated. Afterwards the restore fails.
const CORRECTIONS: usize = 3;

/// The constraint triggers of the application that may fire at the commit, by the names of their constraints.
fn deferred(plan: &RestorePlan, only: fn(&RowTrigger) -> bool) -> Option<String> {
    let suspects = plan.suspects().into_iter();
    let names: BTreeSet<_> = suspects
        .filter(|(_, trigger)| only(trigger))
        .filter_map(|(table, trigger)| {
            let constraint = trigger.constraint.as_ref()?;
            let schema = trigger.schema.as_ref().unwrap_or(&table.schema);
            Some(format!("{}.{}", quote(schema), quote(constraint)))
        })
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// What the moving statement returns: the answer of the restore, the archived rows of each table, and the keys of the active rows
/// that links are put back into, by foreign key.
fn verifiable(plan: &RestorePlan, which: Roots) -> String {
    let images = plan.tables.iter().enumerate().map(|(n, moved)| {
        let values = moved
            .table
            .columns
            .iter()
            .map(|column| match column.generated {
                true => "NULL".to_owned(),
                false => format!("t.{}", quote(&column.name)),
            });
        let rows = format!(
            "coalesce((SELECT pg_catalog.jsonb_agg(ROW({})::pg_catalog.text) FROM {} AS t), '[]')",
            values.collect::<Vec<_>>().join(", "),
            returning_rows(plan, n, moved),
        );
        (n.to_string(), rows)
    });
    let links = plan.detached.iter().enumerate().flat_map(|(d, child)| {
        child.edges.iter().map(move |edge| {
            let is_open = is_open(&literal(&edge.key.edge()));
            let keys = format!(
                "coalesce((SELECT pg_catalog.jsonb_agg(p.child_key) FROM put_active_{d} AS p WHERE {is_open}), '[]')"
            );
            (link_name(&edge.key), keys)
        })
    });
    let verified = object(&[
        ("images".to_owned(), object(&images.collect::<Vec<_>>())),
        ("links".to_owned(), object(&links.collect::<Vec<_>>())),
    ]);
    format!("{} OPERATOR(pg_catalog.||) {verified}", answer(plan, which))
}

/// The archived rows of each table, in `image_{n}`.
fn images(plan: &RestorePlan) -> impl Iterator<Item = String> + '_ {
    plan.tables.iter().enumerate().map(|(n, moved)| {
        let all = moved.table.columns.iter().map(|column| column.name.as_str());
        let all: Vec<_> = all.map(|name| format!("(s.image).{}", quote(name))).collect();
        // OFFSET 0: the text is converted once for each row, and not for each column.
        format!(
            "image_{n} AS MATERIALIZED (SELECT {} FROM (SELECT i.image::{} AS image FROM pg_catalog.jsonb_array_elements_text(\
             $1 OPERATOR(pg_catalog.->) 'moved' OPERATOR(pg_catalog.->) 'images' OPERATOR(pg_catalog.->) '{n}') AS i(image) OFFSET 0) AS s)",
            all.join(", "),
            moved.table.id.sql(),
        )
    })
}

/// The condition that the active row `t` differs from the archived row `d`. As text, since not every type can be compared:
/// `archive.run` lets floats be written exactly.
fn different(moved: &Moved) -> String {
    format!(
        "ROW({})::pg_catalog.text OPERATOR(pg_catalog.<>) ROW({})::pg_catalog.text",
        columns("t", moved.written()),
        columns("d", moved.written())
    )
}

/// Whether some row differs.
fn differs(plan: &RestorePlan) -> String {
    let tables = plan.tables.iter().enumerate().map(|(n, moved)| {
        format!(
            "EXISTS (SELECT FROM {} AS t JOIN image_{n} AS d ON {} WHERE {})",
            moved.table.id.sql(),
            same_key(&moved.table.key, "d", "t"),
            different(moved),
        )
    });
    let tables: Vec<_> = tables.collect();
    with(
        images(plan),
        &format!("SELECT pg_catalog.to_jsonb({})", tables.join(" OR ")),
    )
}

/// Updates the rows that differ. `None` for a table whose columns cannot be updated.
fn corrected(plan: &RestorePlan, n: usize) -> Option<String> {
    let moved = &plan.tables[n];
    let is_key = |name: &str| moved.table.key.iter().any(|column| column.name == name);
    let updatable = moved
        .table
        .columns
        .iter()
        .filter(|column| !column.generated && column.identity != "a" && !is_key(&column.name));
    let assigned: Vec<_> = updatable
        .map(|column| format!("{0} = d.{0}", quote(&column.name)))
        .collect();
    (!assigned.is_empty()).then(|| {
        format!(
            "corrected_{n} AS (UPDATE {} AS t SET {} FROM image_{n} AS d WHERE {} AND {})",
            moved.table.id.sql(),
            assigned.join(", "),
            same_key(&moved.table.key, "d", "t"),
            different(moved),
        )
    })
}

/// For a proof: raises unless every link is put back that the archive has cut. A link of two rows with one key, an active and an archived
/// one, is put back into neither, whatever triggers do.
fn has_its_links(plan: &RestorePlan) -> String {
    format!(
        "SELECT pg_catalog.to_jsonb(CASE WHEN NOT EXISTS (\
         SELECT FROM pg_catalog.jsonb_array_elements($1 OPERATOR(pg_catalog.->) 'moved' OPERATOR(pg_catalog.->) 'not_relinked') AS l(link) \
         WHERE l.link OPERATOR(pg_catalog.->>) 'reason' OPERATOR(pg_catalog.<>) 'key_taken') THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
        literal(&refused(
            plan,
            "links that the archive cuts would not be put back"
        ))
    )
}

/// The statement that compares the rows and returns the answer of the restore.
fn verified(plan: &RestorePlan) -> String {
    let mut guards = Vec::new();
    for (n, moved) in plan.tables.iter().enumerate() {
        guards.push(is_same(plan, n, moved));
        let keys = moved.table.incoming.iter();
        guards.extend(keys.map(|key| {
            let message = refused(
                plan,
                &format!("with the rows of {}, other rows of {} would appear", key.parent, key.child),
            );
            format!(
                "(CASE WHEN NOT EXISTS (SELECT {}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
                added(plan, n, key),
                literal(&message)
            )
        }));
    }
    with(
        images(plan),
        &format!(
            "SELECT ($1 OPERATOR(pg_catalog.->) 'moved') OPERATOR(pg_catalog.-) 'images'::pg_catalog.text OPERATOR(pg_catalog.-) 'links'::pg_catalog.text WHERE {}",
            guards.join(" AND ")
        ),
    )
}

/// Every archived row is active again, and unchanged.
fn is_same(plan: &RestorePlan, n: usize, moved: &Moved) -> String {
    let message = refused(
        plan,
        &format!(
            "rows of {} would not come back as they were archived",
            moved.table.id
        ),
    );
    format!(
        "(CASE WHEN NOT EXISTS (SELECT {}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
        changed(n, moved),
        literal(&message),
    )
}

/// The rows `d` that are missing as `t` or differ there: a query without its SELECT list.
fn changed(n: usize, moved: &Moved) -> String {
    format!(
        "FROM image_{n} AS d LEFT JOIN {} AS t ON {} WHERE {} OR {}",
        moved.table.id.sql(),
        same_key(&moved.table.key, "d", "t"),
        is_missing(moved),
        different(moved),
    )
}

/// The condition that there is no active row `t`.
fn is_missing(moved: &Moved) -> String {
    let column = moved.table.key.first();
    column.map_or_else(
        || "false".to_owned(),
        |c| format!("t.{} IS NULL", quote(&c.name)),
    )
}

/// The rows `t` that refer to restored rows by a foreign key and were not restored, nor got their link back: a query without its
/// SELECT list. No other row could refer to them while they were archived.
fn added(plan: &RestorePlan, n: usize, key: &ForeignKey) -> String {
    let moved = &plan.tables[n];
    let child = plan
        .tables
        .iter()
        .position(|moved| moved.table.id.oid == key.child.oid);
    let restored = child.map(|c| {
        let same = same_key(&plan.tables[c].table.key, "m", "t");
        format!(" AND NOT EXISTS (SELECT FROM image_{c} AS m WHERE {same})")
    });
    let name = link_name(key);
    let mut detached = plan.detached.iter();
    let detached =
        detached.find(|child| child.edges.iter().any(|edge| link_name(&edge.key) == name));
    let relinked = detached.map(|child| {
        format!(
            " AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_array_elements($1 OPERATOR(pg_catalog.->) 'moved' OPERATOR(pg_catalog.->) 'links' OPERATOR(pg_catalog.->) {}) AS k(key) WHERE {})",
            literal(&name),
            has_recorded_key(&child.key, "t", "k.key"),
        )
    });
    format!(
        "FROM {} AS t JOIN {} AS p ON {} JOIN image_{n} AS d ON {} WHERE true{}{}",
        key.child.sql(),
        moved.table.id.sql(),
        joined(key, "p", "t"),
        same_key(&moved.table.key, "d", "p"),
        restored.unwrap_or_default(),
        relinked.unwrap_or_default(),
    )
}

fn link_name(key: &ForeignKey) -> String {
    format!("{} {}", key.child.sql(), key.name)
}
