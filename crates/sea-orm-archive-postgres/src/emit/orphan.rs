//! Archived rows whose parent was deleted permanently.

use super::defer::ParentLink;
use super::partitions::and_of_archivals;
use super::rewrite::{is_rewritten, stop_unless_rewritten};
use crate::catalog::OnDelete;
use crate::ident::{joined, key_object, literal, object, quote};
use crate::model::RestorePlan;

/// Sets the foreign key to NULL in the rows of the archivals `$1` whose parent is neither active nor archived, and returns the
/// links. `None` where the foreign key is not ON DELETE SET NULL, so that the parent counts as missing, and where row-level
/// security may hide the parent, so that its deletion cannot be detected.
///
/// Raises if a trigger changed a row.
///
/// Races: the archivals are locked, so none of their rows moves. A parent that is inserted again at the same time is another row;
/// a parent that is archived at the same time is in one of the two tables in every snapshot. This waits for an archive that
/// cuts a link of the row at the same time, and then reads the newest version of the row.
pub fn unlink(plan: &RestorePlan, link: &ParentLink) -> Option<String> {
    let (moved, key) = (&plan.tables[link.table], &link.key);
    let hides_archived = link.archive_table.as_ref().is_some_and(|t| t.id.hides_rows);
    if key.on_delete != OnDelete::SetNull || key.parent.hides_rows || hides_archived {
        return None;
    }
    let columns = key.columns.iter();
    let nulled: Vec<_> = columns
        .filter(|c| c.set_null && !c.child_not_null)
        .map(|c| (c.child.as_str(), "NULL".to_owned()))
        .collect();
    if nulled.is_empty() {
        return None;
    }
    let assigned: Vec<_> = nulled
        .iter()
        .map(|(name, value)| format!("{} = {value}", quote(name)))
        .collect();
    let set: Vec<_> = key
        .columns
        .iter()
        .map(|c| format!("t.{} IS NOT NULL", quote(&c.child)))
        .collect();
    let old = key.columns.iter();
    let old: Vec<_> = old
        .map(|c| (c.child.clone(), format!("o.{}", quote(&c.child))))
        .collect();
    let no_parent = |table: String| {
        format!(
            "NOT EXISTS (SELECT FROM {table} AS x WHERE {})",
            joined(key, "x", "t")
        )
    };
    let parents =
        std::iter::once(key.parent.sql()).chain(link.archive_table.iter().map(|t| t.id.sql()));
    let orphaned: Vec<_> = set.into_iter().chain(parents.map(no_parent)).collect();
    // The old values are read before the UPDATE: RETURNING shows the NULL.
    let row = crate::ident::same_key(&moved.table.key, "t", "o");
    let lost = object(&[
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("constraint".to_owned(), literal(&key.name)),
        ("key".to_owned(), key_object(&moved.table.key, "t")),
        ("link".to_owned(), object(&old)),
        ("reason".to_owned(), literal("parent_deleted")),
    ]);
    let table = moved.archive_table.id.sql();
    Some(format!(
        "WITH orphans AS MATERIALIZED (SELECT t.* FROM {table} AS t WHERE t.{} OPERATOR(pg_catalog.=) ANY ($1) AND {} FOR NO KEY UPDATE OF t), \
         unlinked AS (UPDATE {table} AS t SET {} FROM orphans AS o WHERE {row}{} RETURNING {lost} AS link, {} AS done) \
         SELECT coalesce(pg_catalog.jsonb_agg(u.link), '[]'::pg_catalog.jsonb) AS result FROM unlinked AS u WHERE {}",
        quote(&moved.archive_table.archival_id),
        orphaned.join(" AND "),
        assigned.join(", "),
        and_of_archivals(moved, "t", "$1"),
        is_rewritten(moved, "o", &nulled),
        stop_unless_rewritten(moved, "u.done", "whose parent was deleted for good"),
    ))
}
