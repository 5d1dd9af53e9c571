//! The conflicts of a restore, queried before the database would refuse it.

use super::defer::ParentLink;
use crate::catalog::{IndexPart, UniqueIndex};
use crate::ident::{exact, joined, key_object, literal, object, quote};
use crate::model::{Moved, RestorePlan};

/// The most conflicts of one kind that are reported; after these are solved, a new preview reports the others.
const MOST: usize = 100;

/// One statement that returns the conflicts of the archival `$1` with these indexes and links as a JSON array. `None` where
/// there can be no conflict.
pub fn statement<'a>(
    plan: &RestorePlan,
    indexes: impl Iterator<Item = &'a UniqueIndex>,
    links: &[ParentLink],
) -> Option<String> {
    let taken = indexes.filter_map(|index| {
        let moved = plan.tables.iter().find(|m| m.table.id.oid == index.table)?;
        Some(taken(moved, index))
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
    let conflict = object(&[
        (
            "kind".to_owned(),
            literal(if index.primary { "key_taken" } else { "unique" }),
        ),
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("constraint".to_owned(), literal(&index.name)),
        ("key".to_owned(), "d.key".to_owned()),
        ("values".to_owned(), "d.vals".to_owned()),
        ("holder".to_owned(), "a.key".to_owned()),
    ]);
    let archived = format!(
        "t.{} OPERATOR(pg_catalog.=) $1",
        quote(&moved.archive_table.archival_id)
    );
    format!(
        "SELECT {conflict} FROM ({}) AS d JOIN ({}) AS a ON {}",
        side(moved, index, &moved.archive_table.id.sql(), Some(&archived)),
        side(moved, index, &moved.table.id.sql(), None),
        on.join(" AND "),
    )
}

/// One side of the comparison: the same expressions over the same columns of the table or of its archive table.
fn side(moved: &Moved, index: &UniqueIndex, table: &str, only: Option<&str>) -> String {
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
    let conditions: Vec<_> = only
        .map(str::to_owned)
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
        "SELECT {} AS key, {} AS vals, {} FROM {table} AS t{filter}",
        key_object(&moved.table.key, "t"),
        object(&values),
        keys.join(", "),
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
                " AND NOT EXISTS (SELECT FROM {} AS s WHERE s.{} OPERATOR(pg_catalog.=) $1 AND {})",
                archive_table.id.sql(),
                quote(&archive_table.archival_id),
                joined(key, "s", "d")
            ),
        ),
        None => ("NULL::bigint".to_owned(), String::new(), String::new()),
    };
    let seen = seen_parent(link);
    let conflict = object(&[
        ("kind".to_owned(), literal("missing_parent")),
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("constraint".to_owned(), literal(&key.name)),
        ("key".to_owned(), key_object(&moved.table.key, "d")),
        ("parent_table".to_owned(), literal(&key.parent.to_string())),
        ("parent_key".to_owned(), object(&values)),
        ("archival".to_owned(), archival),
    ]);
    format!(
        "SELECT {conflict} FROM {} AS d{archive_table} WHERE d.{tag} OPERATOR(pg_catalog.=) $1 AND {} AND NOT EXISTS (SELECT FROM {} AS x WHERE {}){with_it}{seen}",
        moved.archive_table.id.sql(),
        set.join(" AND "),
        key.parent.sql(),
        joined(key, "x", "d"),
    )
}
