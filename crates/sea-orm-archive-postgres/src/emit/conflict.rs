//! The conflicts of a restore, queried before the database would refuse it.

use super::Roots;
use super::defer::ParentLink;
use super::tree::TAG;
use crate::catalog::{IndexPart, UniqueIndex};
use crate::ident::{exact, joined, key_object, literal, object, quote};
use crate::model::{Moved, RestorePlan};

/// The most conflicts of one kind that are reported; after these are solved, a new preview reports the others.
const MOST: usize = 100;

/// One statement that returns the conflicts of the archivals `$1` with these indexes and links as a JSON array, each with the
/// archival `of` its row. `None` where there can be no conflict.
pub fn statement<'a>(
    plan: &RestorePlan,
    indexes: impl Iterator<Item = &'a UniqueIndex>,
    links: &[ParentLink],
    which: Roots,
) -> Option<String> {
    let taken = indexes.flat_map(|index| {
        let mut tables = plan.tables.iter();
        let moved = tables.find(|m| m.table.id.oid == index.table);
        let with_active = moved.map(|moved| taken(moved, index));
        // The archive table has the same primary key. An exclusion constraint is compared row by row, which takes long for a
        // large tree: rows of one archival were active together.
        let among_them = moved
            .filter(|_| !index.primary && (which == Roots::Many || index.is_equality()))
            .map(|moved| taken_by_another(moved, index));
        with_active.into_iter().chain(among_them)
    });
    let missing = links.iter().map(|link| missing(plan, link));
    let all: Vec<_> = taken
        .chain(missing)
        .map(|query| format!("({query} LIMIT {MOST})"))
        .collect();
    (!all.is_empty()).then(|| {
        let all = all.join(" UNION ALL ");
        format!("SELECT coalesce(pg_catalog.jsonb_agg(f.c), '[]') AS result FROM ({all}) AS f(c)")
    })
}

/// Archived rows that conflict with an active row on this index.
fn taken(moved: &Moved, index: &UniqueIndex) -> String {
    format!(
        "SELECT {} FROM ({}) AS d JOIN ({}) AS a ON {}",
        taken_conflict(moved, index, "NULL::bigint"),
        archived_side(moved, index),
        side(moved, index, &moved.table.id.sql(), None),
        same_values(index),
    )
}

/// Rows of these archivals that conflict with a row of a later one of them on this index, or of the same one: a row that was deferred
/// to it may have the value of another.
fn taken_by_another(moved: &Moved, index: &UniqueIndex) -> String {
    format!(
        "SELECT {} FROM ({2}) AS d JOIN ({2}) AS a ON (a.{TAG} OPERATOR(pg_catalog.>) d.{TAG} OR a.{TAG} OPERATOR(pg_catalog.=) d.{TAG} AND a.key OPERATOR(pg_catalog.>) d.key) AND {1}",
        taken_conflict(moved, index, &format!("a.{TAG}")),
        same_values(index),
        archived_side(moved, index),
    )
}

/// The condition that the rows `a` and `d` cannot both be in the index.
pub(super) fn same_values(index: &UniqueIndex) -> String {
    let on: Vec<_> = index
        .parts
        .iter()
        .enumerate()
        .map(|(n, part)| {
            let equal = format!("a.k{n} {} d.k{n}", part.operator);
            if index.nulls_equal {
                format!("({equal} OR (a.k{n} IS NULL AND d.k{n} IS NULL))")
            } else {
                equal
            }
        })
        .collect();
    on.join(" AND ")
}

fn taken_conflict(moved: &Moved, index: &UniqueIndex, archival: &str) -> String {
    let kind = match index.primary {
        true => "key_taken",
        false => "unique",
    };
    found(
        &format!("d.{TAG}"),
        &[
            ("kind".to_owned(), literal(kind)),
            ("table".to_owned(), literal(&moved.table.id.to_string())),
            ("constraint".to_owned(), literal(&index.name)),
            ("key".to_owned(), "d.key".to_owned()),
            ("values".to_owned(), "d.vals".to_owned()),
            ("holder".to_owned(), "a.key".to_owned()),
            ("archival".to_owned(), archival.to_owned()),
        ],
    )
}

fn found(of: &str, conflict: &[(String, String)]) -> String {
    object(&[
        ("of".to_owned(), of.to_owned()),
        ("conflict".to_owned(), object(conflict)),
    ])
}

/// The rows of the archivals.
pub(super) fn archived_side(moved: &Moved, index: &UniqueIndex) -> String {
    let archival_id = quote(&moved.archive_table.archival_id);
    side(
        moved,
        index,
        &moved.archive_table.id.sql(),
        Some(&archival_id),
    )
}

/// One side of the comparison: the same expressions over the same columns of the table or of its archive table.
///
/// Of an archive table only the rows of the archivals `$1`, each with its archival in the column `archival_id`.
pub(super) fn side(
    moved: &Moved,
    index: &UniqueIndex,
    table: &str,
    archival_id: Option<&str>,
) -> String {
    let values: Vec<_> = index
        .parts
        .iter()
        .map(|part: &IndexPart| {
            (
                part.name.clone(),
                format!("archive.exact_json({})", part.expression),
            )
        })
        .collect();
    let keys: Vec<_> = index
        .parts
        .iter()
        .enumerate()
        .map(|(n, part)| format!("({}) AS k{n}", part.expression))
        .collect();
    let of_archivals = archival_id.map(|id| format!("t.{id} OPERATOR(pg_catalog.=) ANY ($1)"));
    let tag = archival_id.map(|id| format!(", t.{id} AS {TAG}"));
    let conditions: Vec<_> = of_archivals
        .into_iter()
        .chain(
            index
                .predicate
                .as_ref()
                .map(|predicate| format!("({predicate})")),
        )
        .collect();
    let filter = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    format!(
        "SELECT {} AS key, {} AS vals, {}{} FROM {table} AS t{filter}",
        key_object(&moved.table.key, "t"),
        object(&values),
        keys.join(", "),
        tag.unwrap_or_default(),
    )
}

/// The condition that a missing parent can be seen: one that row security hides may exist, and the database checks the foreign
/// key when the rows move.
fn seen_parent(link: &ParentLink) -> String {
    match (&link.archive_table, link.key.parent.hides_rows) {
        (_, false) => String::new(),
        (Some(archive_table), true) => {
            format!(" AND p.{} IS NOT NULL", quote(&archive_table.archival_id))
        }
        (None, true) => " AND false".to_owned(),
    }
}

/// Archived rows that refer to a row which is neither active nor restored with them.
fn missing(plan: &RestorePlan, link: &ParentLink) -> String {
    let moved = &plan.tables[link.table];
    let key = &link.key;
    let tag = quote(&moved.archive_table.archival_id);
    let values: Vec<_> = key
        .columns
        .iter()
        .map(|c| {
            (
                c.parent.clone(),
                exact(c.child_form, &format!("d.{}", quote(&c.child))),
            )
        })
        .collect();
    let set: Vec<_> = key
        .columns
        .iter()
        .map(|c| format!("d.{} IS NOT NULL", quote(&c.child)))
        .collect();
    let (archival, archive_table, with_it) = match &link.archive_table {
        Some(archive_table) => (
            format!("p.{}", quote(&archive_table.archival_id)),
            format!(
                " LEFT JOIN {} AS p ON {}",
                archive_table.id.sql(),
                joined(key, "p", "d")
            ),
            format!(
                " AND NOT EXISTS (SELECT FROM {} AS s WHERE s.{} OPERATOR(pg_catalog.=) ANY ($1) AND {})",
                archive_table.id.sql(),
                quote(&archive_table.archival_id),
                joined(key, "s", "d")
            ),
        ),
        None => ("NULL::bigint".to_owned(), String::new(), String::new()),
    };
    let seen = seen_parent(link);
    let conflict = [
        ("kind".to_owned(), literal("missing_parent")),
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("constraint".to_owned(), literal(&key.name)),
        ("key".to_owned(), key_object(&moved.table.key, "d")),
        ("parent_table".to_owned(), literal(&key.parent.to_string())),
        ("parent_key".to_owned(), object(&values)),
        ("archival".to_owned(), archival),
    ];
    let conflict = found(&format!("d.{tag}"), &conflict);
    format!(
        "SELECT {conflict} FROM {} AS d{archive_table} WHERE d.{tag} OPERATOR(pg_catalog.=) ANY ($1) AND {} AND NOT EXISTS (SELECT FROM {} AS x WHERE {}){with_it}{seen}",
        moved.archive_table.id.sql(),
        set.join(" AND "),
        key.parent.sql(),
        joined(key, "x", "d"),
    )
}
