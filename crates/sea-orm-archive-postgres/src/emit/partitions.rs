//! Archive tables that are partitioned by the ids of archivals: which partitions a statement reads, and that no key is archived twice.
//!
//! PostgreSQL prunes partitions by a comparison of the archival id with constants or parameters, and not by a join. So the statements
//! that join archived rows with the archivals also compare them.

use super::{Kind, Roots, Step};
use crate::ident::{key_object, literal, quote, same_key};
use crate::model::{Moved, Plan, RestorePlan};
use crate::sqlstate::{INSUFFICIENT_PRIVILEGE, ISOLATION_LEVEL};

/// The condition, after AND, that the archived row `row` belongs to one of the archivals `ids`, a parameter. Empty where the archive
/// table is not partitioned: the statement has the row by its key.
pub(super) fn and_of_archivals(moved: &Moved, row: &str, ids: &str) -> String {
    match moved.archive_table.is_partitioned {
        true => format!(
            " AND {row}.{} OPERATOR(pg_catalog.=) ANY ({ids})",
            quote(&moved.archive_table.archival_id)
        ),
        false => String::new(),
    }
}

/// The condition, after AND, that the row `row` of a partitioned archive table is between the archivals of the arguments `$1` of
/// `archive.run`, which are in the order of their ids. `$3` is the first of them.
pub(super) fn and_between(moved: &Moved, row: &str, which: Roots) -> String {
    if !moved.archive_table.is_partitioned {
        return String::new();
    }
    let archival_id = format!("{row}.{}", quote(&moved.archive_table.archival_id));
    match which {
        Roots::One => format!(" AND {archival_id} OPERATOR(pg_catalog.=) $3"),
        Roots::Many => format!(
            " AND {archival_id} OPERATOR(pg_catalog.>=) $3 AND {archival_id} OPERATOR(pg_catalog.<=) \
             ($1 OPERATOR(pg_catalog.->) 'ids' OPERATOR(pg_catalog.->>) -1)::bigint"
        ),
    }
}

/// A step after the move: raises if another archived row has the key of one that was archived. `None` where the primary keys of all
/// archive tables ensure that. Returns what the move returned.
///
/// Race: a key can be inserted into the table again only after the archive of the row that had it has committed, since the index of
/// the primary key waits for that. So at READ COMMITTED the snapshot of this step, which is newer than the rows that moved, shows the
/// row that was archived before. Above READ COMMITTED the snapshot may be older, so the archive is refused.
pub(super) fn no_key_twice(plan: &Plan, which: Roots) -> Option<Step> {
    let partitioned = plan.nodes.iter().map(|node| &node.moved);
    let partitioned = partitioned.filter(|moved| moved.archive_table.is_partitioned);
    let guards: Vec<_> = partitioned.map(|moved| no_other(moved, which)).collect();
    if guards.is_empty() {
        return None;
    }
    let level = "pg_catalog.current_setting('transaction_isolation')";
    let message = "rows are archived into a partitioned archive table at READ COMMITTED: the snapshot of this transaction may be older than \
                   an archived row with the same key; begin it with BEGIN ISOLATION LEVEL READ COMMITTED";
    let statement = format!(
        "SELECT nullif($1 OPERATOR(pg_catalog.->) 'moved', 'null'::pg_catalog.jsonb) AS result WHERE \
         (CASE WHEN {level} OPERATOR(pg_catalog.=) ANY (ARRAY['read committed', 'read uncommitted']) THEN true \
         ELSE archive.stop('{ISOLATION_LEVEL}', {}) END) AND {}",
        literal(message),
        guards.join(" AND "),
    );
    Some(Step::new(Kind::Once, statement))
}

/// Raises if a row of these archivals has the key of a row of another archival, or if row-level security could hide that.
fn no_other(moved: &Moved, which: Roots) -> String {
    let table = moved.archive_table.id.sql();
    let archival_id = quote(&moved.archive_table.archival_id);
    let hidden = format!(
        "row-level security may hide rows of {} from this role, and archived rows with the same keys among them, so nothing was archived: \
         use a role that sees every row (the owner of the table, or one with BYPASSRLS)",
        moved.archive_table.id
    );
    let of_this = match which {
        Roots::One => format!("{table} AS t"),
        Roots::Many => format!(
            "pg_catalog.jsonb_array_elements_text($1 OPERATOR(pg_catalog.->) 'ids') AS i(id) JOIN {table} AS t \
             ON t.{archival_id} OPERATOR(pg_catalog.=) i.id::bigint"
        ),
    };
    format!(
        "(CASE WHEN pg_catalog.row_security_active({}::pg_catalog.regclass::pg_catalog.oid) THEN archive.stop('{INSUFFICIENT_PRIVILEGE}', {}) ELSE true END) AND {}",
        literal(&table),
        literal(&hidden),
        no_key_of_another(moved, &of_this, &and_between(moved, "t", which)),
    )
}

/// Raises if an archived row of another archival has the key of one of the rows `t`.
fn no_key_of_another(moved: &Moved, rows: &str, of_this: &str) -> String {
    let table = moved.archive_table.id.sql();
    let archival_id = quote(&moved.archive_table.archival_id);
    // The LIMIT keeps the function from being called for a row before it is joined.
    format!(
        "coalesce((SELECT archive.stop_archived_key({}::pg_catalog.regclass, k.key) FROM (SELECT {} AS key FROM {rows} JOIN {table} AS d ON {} \
         AND d.{archival_id} OPERATOR(pg_catalog.<>) t.{archival_id} WHERE true{of_this} LIMIT 1) AS k), true)",
        literal(&table),
        key_object(&moved.table.key, "t"),
        same_key(&moved.table.key, "t", "d"),
    )
}

/// The same for the archivals `$1`, whose rows are copies with new keys. `None` where the primary keys of all archive tables ensure it.
pub fn no_copied_key_twice(plan: &RestorePlan) -> Option<String> {
    let partitioned = plan.tables.iter();
    let partitioned = partitioned.filter(|moved| moved.archive_table.is_partitioned);
    let guards: Vec<_> = partitioned
        .map(|moved| {
            let rows = format!("{} AS t", moved.archive_table.id.sql());
            no_key_of_another(moved, &rows, &and_of_archivals(moved, "t", "$1"))
        })
        .collect();
    let guards = guards.join(" AND ");
    (!guards.is_empty()).then(|| format!("SELECT pg_catalog.to_jsonb({guards}) AS result"))
}
