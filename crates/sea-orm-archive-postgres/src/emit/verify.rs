//! A restore whose rows triggers of the application may change. The archived rows stay in their archive tables until the restored
//! rows have been compared with them.
//!
//! The triggers fire at the end of the statement that inserts, so each comparison is a statement of its own. A row that differs is
//! updated, such as a row with a counter that a trigger has incremented. The restore fails if a row still differs, is
//! missing, or was added.

use std::collections::BTreeSet;

use super::freshness::unchanged;
use super::relink::{self, is_open, taken_as};
use super::restore::{counts, finished, inserting, written};
use super::tree::with;
use super::{Kind, Step};
use crate::catalog::{ForeignKey, RowTrigger, TableId};
use crate::ident::{columns, joined, key_object, literal, object, quote, same_key};
use crate::model::{Moved, RestorePlan};
use crate::sqlstate::{SERIALIZATION_FAILURE, TRIGGER};

/// The statements of a verified restore.
pub fn steps(plan: &RestorePlan) -> Vec<Step> {
    let mut steps = restored(plan);
    steps.push(Step::new(Kind::Once, verified(plan)));
    let deferred = deferred(plan);
    steps.extend(
        deferred
            .iter()
            .map(|names| Step::new(Kind::Command, format!("SET CONSTRAINTS {names} DEFERRED"))),
    );
    steps
}

/// The statements of a restore that returns the differences instead of an error, for a transaction that is rolled back.
pub fn rehearsal(plan: &RestorePlan) -> Vec<Step> {
    let mut steps = restored(plan);
    steps.push(Step::new(Kind::Once, differences(plan)));
    steps
}

/// The statements that insert the rows, let all triggers fire, and correct the rows.
fn restored(plan: &RestorePlan) -> Vec<Step> {
    let mut steps = vec![Step::new(Kind::Moves, copied(plan))];
    // Before the comparison, so that no trigger of the application fires after it.
    let deferred = deferred(plan);
    steps.extend(
        deferred
            .iter()
            .map(|names| Step::new(Kind::Command, format!("SET CONSTRAINTS {names} IMMEDIATE"))),
    );
    let corrections: Vec<_> = plan
        .tables
        .iter()
        .enumerate()
        .filter_map(corrected)
        .collect();
    if !corrections.is_empty() {
        let corrected = with(corrections, "SELECT 'true'::pg_catalog.jsonb");
        // A correction may fire a trigger that changes another row, such as a total of counters.
        for _ in 0..CORRECTIONS {
            steps.push(Step::new(Kind::Once, differs(plan)));
            steps.push(Step::new(Kind::IfTrue, corrected.clone()));
        }
    }
    steps
}

/// How often rows that differ are updated. Afterwards the restore fails.
const CORRECTIONS: usize = 3;

/// The constraint triggers of the application that would fire at the commit.
fn deferred(plan: &RestorePlan) -> Option<String> {
    let suspects = plan.suspects().into_iter();
    let deferred = suspects.filter(|(_, trigger)| trigger.deferred);
    let names: BTreeSet<_> = deferred
        .map(|(table, trigger)| format!("{}.{}", quote(&table.schema), quote(&trigger.name)))
        .collect();
    let names: Vec<_> = names.into_iter().collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The statement that inserts the rows and leaves them in the archive tables. It also counts the links that it puts back into
/// active rows, by foreign key.
///
/// Race: another session changes an archived row before [`verified`] deletes it. The deleted row then differs from the inserted
/// one, and the restore fails.
fn copied(plan: &RestorePlan) -> String {
    let links = plan.detached.iter().enumerate().flat_map(|(d, child)| {
        child.edges.iter().map(move |edge| {
            let is_open = is_open(&literal(&edge.key.edge()));
            let count =
                format!("(SELECT pg_catalog.count(*) FROM put_active_{d} AS p WHERE {is_open})");
            (link_name(&edge.key), count)
        })
    });
    let links = object(&[("links".to_owned(), object(&links.collect::<Vec<_>>()))]);
    let answer = format!("{} OPERATOR(pg_catalog.||) {links}", counts(plan));
    inserting(plan, &answer, &|n, moved| {
        let mut parts = vec![format!(
            "taken_{n} AS MATERIALIZED (SELECT {} FROM {} AS t, target AS g WHERE t.{} = g.id)",
            columns("t", written(moved)),
            moved.archive_table.id.sql(),
            quote(&moved.archive_table.archival_id),
        )];
        parts.extend(relinked(plan, n, moved));
        parts.join(",\n")
    })
}

/// Puts links back into the archived rows too that the same statement restores, so that both are equal.
fn relinked(plan: &RestorePlan, n: usize, moved: &Moved) -> Option<String> {
    let mut children = plan.detached.iter();
    let child = children.find(|child| taken_as(plan, child) == Some(n))?;
    let names: Vec<_> = relink::assignments(child)
        .into_iter()
        .map(|(name, _)| quote(&name))
        .collect();
    let assigned = names.iter().map(|name| format!("{name} = m.{name}"));
    let row = |alias: &str| {
        let names: Vec<_> = names.iter().map(|name| format!("{alias}.{name}")).collect();
        format!("ROW({})::pg_catalog.text", names.join(", "))
    };
    Some(format!(
        "completed_{n} AS (UPDATE {} AS t SET {} FROM mended_{n} AS m, target AS g WHERE t.{} = g.id AND {} AND {} OPERATOR(pg_catalog.<>) {})",
        moved.archive_table.id.sql(),
        assigned.collect::<Vec<_>>().join(", "),
        quote(&moved.archive_table.archival_id),
        same_key(&moved.table.key, "m", "t"),
        row("t"),
        row("m"),
    ))
}

/// The condition that the active row `t` differs from the archived row `d`. As text, since not every type can be compared.
fn different(moved: &Moved) -> String {
    format!(
        "ROW({})::pg_catalog.text OPERATOR(pg_catalog.<>) ROW({})::pg_catalog.text",
        columns("t", written(moved)),
        columns("d", written(moved))
    )
}

/// The rows of an archive table that the restore has copied, as `d`, with the active rows `t` that differ.
fn differing(moved: &Moved) -> String {
    format!(
        "{} AS d WHERE d.{} = $3 AND {} AND {}",
        moved.archive_table.id.sql(),
        quote(&moved.archive_table.archival_id),
        same_key(&moved.table.key, "d", "t"),
        different(moved),
    )
}

/// Whether some row differs.
fn differs(plan: &RestorePlan) -> String {
    let tables = plan.tables.iter().map(|moved| {
        let table = moved.table.id.sql();
        format!("EXISTS (SELECT FROM {table} AS t, {})", differing(moved))
    });
    let tables: Vec<_> = tables.collect();
    format!("SELECT pg_catalog.to_jsonb({})", tables.join(" OR "))
}

/// Updates the rows that differ. `None` for a table with columns that cannot be updated only.
///
/// Race: none. Other sessions do not see the restored rows before the commit.
fn corrected((n, moved): (usize, &Moved)) -> Option<String> {
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
            "corrected_{n} AS (UPDATE {} AS t SET {} FROM {})",
            moved.table.id.sql(),
            assigned.join(", "),
            differing(moved),
        )
    })
}

/// The statement that deletes the archived rows and compares them with the active ones.
///
/// Race: another session has changed or deleted an archived row since it was copied. DELETE waits for it and returns the newest
/// version, which must be equal to the active row.
fn verified(plan: &RestorePlan) -> String {
    let gone = plan.tables.iter().enumerate().map(|(n, moved)| {
        let all = moved
            .table
            .columns
            .iter()
            .map(|column| column.name.as_str());
        format!(
            "gone_{n} AS (DELETE FROM {} AS t WHERE t.{} = $3 RETURNING {})",
            moved.archive_table.id.sql(),
            quote(&moved.archive_table.archival_id),
            columns("t", all),
        )
    });
    // First whether all rows are still there: a missing one would be reported as the doing of a trigger.
    let tables = plan.tables.iter().enumerate();
    let complete = tables.map(|(n, moved)| is_complete(n, moved));
    let mut guards: Vec<_> = std::iter::once(unchanged(&plan.freshness))
        .chain(complete)
        .collect();
    for (n, moved) in plan.tables.iter().enumerate() {
        guards.push(is_same(plan, n, moved));
        let keys = moved.table.incoming.iter();
        guards.extend(keys.map(|key| has_no_other(plan, n, key)));
    }
    with(
        gone,
        &format!(
            "SELECT $1 OPERATOR(pg_catalog.->) 'moved' OPERATOR(pg_catalog.||) {} FROM (SELECT 1) AS g WHERE {}",
            finished("$3"),
            guards.join(" AND ")
        ),
    )
}

/// As many rows are deleted as were inserted.
fn is_complete(n: usize, moved: &Moved) -> String {
    let message = format!(
        "rows of {} changed meanwhile: try again",
        moved.archive_table.id
    );
    format!(
        "(CASE WHEN (SELECT pg_catalog.count(*) FROM gone_{n}) OPERATOR(pg_catalog.=)          ($1 OPERATOR(pg_catalog.->) 'moved' OPERATOR(pg_catalog.->) 'rows' OPERATOR(pg_catalog.->>) {})::pg_catalog.int8 \
         THEN true ELSE archive.stop('{SERIALIZATION_FAILURE}', {}) END)",
        literal(&moved.table.id.to_string()),
        literal(&message),
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
        "(CASE WHEN NOT EXISTS (SELECT FROM gone_{n} AS d LEFT JOIN {} AS t ON {} WHERE t.{} IS NULL OR {}) THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
        moved.table.id.sql(),
        same_key(&moved.table.key, "d", "t"),
        moved
            .table
            .key
            .first()
            .map(|column| quote(&column.name))
            .unwrap_or_default(),
        different(moved),
        literal(&message),
    )
}

/// Only restored rows, and rows that got their link back, refer to the restored rows: no other row could while they were archived.
fn has_no_other(plan: &RestorePlan, n: usize, key: &ForeignKey) -> String {
    let child = plan
        .tables
        .iter()
        .position(|moved| moved.table.id.oid == key.child.oid);
    let restored = child.map(|c| {
        let same = same_key(&plan.tables[c].table.key, "m", "t");
        format!(" WHERE NOT EXISTS (SELECT FROM gone_{c} AS m WHERE {same})")
    });
    let message = refused(
        plan,
        &format!(
            "with the rows of {}, other rows of {} would appear",
            key.parent, key.child
        ),
    );
    format!(
        "(CASE WHEN (SELECT pg_catalog.count(*) FROM {} AS t JOIN gone_{n} AS p ON {}{}) OPERATOR(pg_catalog.=)          coalesce(($1 OPERATOR(pg_catalog.->) 'moved' OPERATOR(pg_catalog.->) 'links' OPERATOR(pg_catalog.->>) {})::pg_catalog.int8, 0) \
         THEN true ELSE archive.stop('{TRIGGER}', {}) END)",
        key.child.sql(),
        joined(key, "p", "t"),
        restored.unwrap_or_default(),
        literal(&link_name(key)),
        literal(&message),
    )
}

/// The rows that differ, are missing, or were added, as a JSON array.
fn differences(plan: &RestorePlan) -> String {
    let tables = plan.tables.iter();
    let changed = tables.map(|moved| format!("({} LIMIT {MOST})", changed_rows(moved)));
    let added = plan.tables.iter().flat_map(|moved| {
        let keys = moved.table.incoming.iter();
        let keys = keys.filter(|key| !is_detached(plan, key));
        keys.map(|key| format!("({} LIMIT {MOST})", added_rows(plan, moved, key)))
    });
    let all: Vec<_> = changed.chain(added).collect();
    format!(
        "SELECT coalesce(pg_catalog.jsonb_agg(f.difference), '[]') FROM ({}) AS f(difference)",
        all.join(" UNION ALL ")
    )
}

/// The most differences of one kind that are returned.
const MOST: usize = 100;

fn is_detached(plan: &RestorePlan, key: &ForeignKey) -> bool {
    let edges = plan.detached.iter().flat_map(|child| &child.edges);
    edges
        .into_iter()
        .any(|edge| link_name(&edge.key) == link_name(key))
}

fn changed_rows(moved: &Moved) -> String {
    let row = |alias: &str| {
        let columns = written(moved).map(|name| {
            let value = format!("archive.exact_json({alias}.{})", quote(name));
            (name.to_owned(), value)
        });
        object(&columns.collect::<Vec<_>>())
    };
    let missing = moved.table.key.first();
    let missing = missing.map(|column| format!("t.{} IS NULL", quote(&column.name)));
    let missing = missing.unwrap_or_else(|| "false".to_owned());
    let difference = object(&[
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("key".to_owned(), key_object(&moved.table.key, "d")),
        ("archived".to_owned(), row("d")),
        (
            "restored".to_owned(),
            format!("CASE WHEN NOT ({missing}) THEN {} END", row("t")),
        ),
    ]);
    format!(
        "SELECT {difference} FROM {} AS d LEFT JOIN {} AS t ON {} WHERE d.{} = $3 AND ({missing} OR {})",
        moved.archive_table.id.sql(),
        moved.table.id.sql(),
        same_key(&moved.table.key, "d", "t"),
        quote(&moved.archive_table.archival_id),
        different(moved),
    )
}

fn added_rows(plan: &RestorePlan, moved: &Moved, key: &ForeignKey) -> String {
    let mut tables = plan.tables.iter();
    let restored = tables.find(|other| other.table.id.oid == key.child.oid);
    let restored = restored.map(|other| {
        format!(
            " AND NOT EXISTS (SELECT FROM {} AS m WHERE m.{} = $3 AND {})",
            other.archive_table.id.sql(),
            quote(&other.archive_table.archival_id),
            same_key(&other.table.key, "m", "t")
        )
    });
    let key_of_row = key_object(key.child_key.as_deref().unwrap_or_default(), "t");
    let difference = object(&[
        ("table".to_owned(), literal(&key.child.to_string())),
        ("key".to_owned(), key_of_row.clone()),
        ("restored".to_owned(), key_of_row),
    ]);
    format!(
        "SELECT {difference} FROM {} AS t JOIN {} AS p ON {} WHERE p.{} = $3{}",
        key.child.sql(),
        moved.archive_table.id.sql(),
        joined(key, "p", "t"),
        quote(&moved.archive_table.archival_id),
        restored.unwrap_or_default(),
    )
}

fn link_name(key: &ForeignKey) -> String {
    format!("{} {}", key.child.sql(), key.name)
}

/// The message for a restore that a trigger changed. It fits the archive too, which is refused with the same message if its
/// restore would be.
fn refused(plan: &RestorePlan, what: &str) -> String {
    let suspects = plan.suspects();
    let root = plan
        .tables
        .first()
        .map(|moved| moved.table.id.table.as_str())
        .unwrap_or_default();
    let names: Vec<_> = suspects
        .iter()
        .map(|(table, trigger)| format!("{} on {table}", trigger.name))
        .collect();
    let remedies: Vec<_> = suspects
        .iter()
        .map(|suspect| remedy(*suspect, root))
        .collect();
    let (because, call) = match names.as_slice() {
        [_] => ("of the trigger", "call"),
        _ => ("of one of the triggers", "call as needed"),
    };
    format!(
        "{what}, because {because} {}; nothing has moved: {call} {} in a migration",
        names.join(", "),
        remedies.join(", ")
    )
}

fn remedy((table, trigger): (&TableId, &RowTrigger), root: &str) -> String {
    format!(
        "manager.suspend_trigger(SuspendedTrigger::new({:?}, {:?}).while_moving({root:?}))",
        table.table, trigger.name
    )
}
