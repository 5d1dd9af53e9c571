//! What a rehearsal returns: the rows that differ, are missing, or were added.

use super::{added, changed, images, is_missing};
use crate::catalog::ForeignKey;
use crate::emit::tree::with;
use crate::ident::{key_object, literal, object, quote};
use crate::model::{Moved, RestorePlan};

/// The most differences of one kind that are returned.
const MOST: usize = 100;

/// The statement that returns the differences as a JSON array.
pub(super) fn listed(plan: &RestorePlan) -> String {
    let tables = || plan.tables.iter().enumerate();
    let changed = tables().map(|(n, moved)| format!("({} LIMIT {MOST})", changed_rows(n, moved)));
    let added = tables().flat_map(|(n, moved)| {
        let keys = moved.table.incoming.iter();
        keys.map(move |key| format!("({} LIMIT {MOST})", added_rows(plan, n, key)))
    });
    let all: Vec<_> = changed.chain(added).collect();
    with(
        images(plan),
        &format!(
            "SELECT coalesce(pg_catalog.jsonb_agg(f.difference), '[]') FROM ({}) AS f(difference)",
            all.join(" UNION ALL ")
        ),
    )
}

fn changed_rows(n: usize, moved: &Moved) -> String {
    let row = |alias: &str| {
        let columns = moved.written().map(|name| {
            let value = format!("archive.exact_json({alias}.{})", quote(name));
            (name.to_owned(), value)
        });
        object(&columns.collect::<Vec<_>>())
    };
    let difference = object(&[
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("key".to_owned(), key_object(&moved.table.key, "d")),
        ("archived".to_owned(), row("d")),
        (
            "restored".to_owned(),
            format!(
                "CASE WHEN NOT ({}) THEN {} END",
                is_missing(moved),
                row("t")
            ),
        ),
    ]);
    format!("SELECT {difference} {}", changed(n, moved))
}

fn added_rows(plan: &RestorePlan, n: usize, key: &ForeignKey) -> String {
    let key_of_row = key_object(key.child_key.as_deref().unwrap_or_default(), "t");
    let difference = object(&[
        ("table".to_owned(), literal(&key.child.to_string())),
        ("key".to_owned(), key_of_row.clone()),
        ("restored".to_owned(), key_of_row),
    ]);
    format!("SELECT {difference} {}", added(plan, n, key))
}
