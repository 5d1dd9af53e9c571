//! Changes of archived rows that a restore asks for, before it checks for conflicts and moves them.

use std::collections::BTreeSet;

use super::conflict::{archived_side, same_values, side};
use super::defer::{ParentLink, is_root};
use super::partitions::and_of_archivals;
use super::rewrite::{is_rewritten, stop_unless_rewritten};
use crate::catalog::{Column, UniqueIndex};
use crate::ident::{columns, key_object, literal, object, quote, same_key, type_name};
use crate::model::Moved;

/// The most changed rows that a statement returns.
const MOST: usize = 100;

/// The rows of the archivals that change.
#[derive(Clone, Debug)]
pub enum Of {
    /// The roots.
    Roots,
    /// All rows of the table.
    Every,
    /// The row with this key, as JSON text.
    Row(String),
    /// The rows `t` with this condition.
    Where(String),
}

/// Sets columns of rows of the archivals `$1` to these values, which are SQL over the row `t`. Returns the changed rows as a JSON array, at
/// most 100 of them. Raises if a trigger changed a row.
///
/// Raises, too, if row-level security lets the role read a row that it does not let it change.
///
/// Races: the archivals are locked, so no restore and no purge moves their rows. This waits for a statement of another session that changes
/// an archived row at the same time, and then reads its newest version.
pub fn assign(moved: &Moved, values: &[(String, String)], of: &Of) -> String {
    let table = moved.archive_table.id.sql();
    let tag = quote(&moved.archive_table.archival_id);
    let only = match of {
        Of::Every => String::new(),
        Of::Roots => format!(
            " AND EXISTS (SELECT FROM archive.archival AS s WHERE s.id OPERATOR(pg_catalog.=) t.{tag} AND {})",
            is_root(moved, "s", "t")
        ),
        Of::Row(key) => format!(
            " AND {} OPERATOR(pg_catalog.=) {}::pg_catalog.jsonb",
            key_object(&moved.table.key, "t"),
            literal(key)
        ),
        Of::Where(condition) => format!(" AND {condition}"),
    };
    let assigned: Vec<_> = values
        .iter()
        .map(|(name, value)| format!("{} = {value}", quote(name)))
        .collect();
    // What a trigger makes of the columns themselves is in the answer.
    let new: Vec<_> = values
        .iter()
        .map(|(name, _)| (name.as_str(), format!("t.{}", quote(name))))
        .collect();
    let seen = |row: &str| {
        let seen = values.iter().map(|(name, _)| {
            let value = format!("archive.exact_json({row}.{})", quote(name));
            (name.clone(), value)
        });
        object(&seen.collect::<Vec<_>>())
    };
    let change = object(&[
        ("table".to_owned(), literal(&moved.table.id.to_string())),
        ("key".to_owned(), key_object(&moved.table.key, "t")),
        ("from".to_owned(), seen("b")),
        ("to".to_owned(), seen("t")),
    ]);
    let rows = format!("{table} AS t WHERE t.{tag} OPERATOR(pg_catalog.=) ANY ($1){only}");
    let hidden = "row-level security lets this role read rows that it may not change";
    format!(
        "WITH before AS MATERIALIZED (SELECT {} FROM {rows} FOR NO KEY UPDATE OF t), \
         changed AS (UPDATE {table} AS t SET {} FROM before AS b WHERE {}{} RETURNING {change} AS change, {} AS done) \
         SELECT coalesce((SELECT pg_catalog.jsonb_agg(f.change) FROM (SELECT c.change FROM changed AS c LIMIT {MOST}) AS f), '[]'::pg_catalog.jsonb) AS result \
         WHERE CASE WHEN (SELECT pg_catalog.count(*) FROM changed AS c WHERE {}) OPERATOR(pg_catalog.=) (SELECT pg_catalog.count(*) FROM {rows}) \
         THEN true ELSE archive.stop('42501', {}) END",
        columns("t", names(moved)),
        assigned.join(", "),
        same_key(&moved.table.key, "b", "t"),
        and_of_archivals(moved, "t", "$1"),
        is_rewritten(moved, "b", &new),
        stop_unless_rewritten(moved, "c.done", "that the restore changes"),
        literal(hidden),
    )
}

/// The columns of a row that its comparison and its key need.
pub(super) fn names(moved: &Moved) -> BTreeSet<&str> {
    let key = moved.table.key.iter().map(|c| c.name.as_str());
    let archival_id = moved.archive_table.archival_id.as_str();
    moved.written().chain(key).chain([archival_id]).collect()
}

/// Another parent of the rows that refer by a foreign key to one parent.
#[derive(Clone, Debug)]
pub struct OtherParent {
    /// The condition that the row `t` refers to the one.
    condition: String,
    /// The columns of the foreign key with their new values.
    values: Vec<(String, String)>,
}

/// The rows that refer by this foreign key to a parent, and the values of another one. `key` has the columns of the parent's primary key, with
/// the old and the new value as SQL. `None` where the foreign key refers to other columns.
pub fn other_parent(link: &ParentLink, key: &[(String, String, String)]) -> Option<OtherParent> {
    let mut values = Vec::new();
    let mut same = Vec::new();
    for column in &link.key.columns {
        let (_, from, to) = key.iter().find(|(name, ..)| *name == column.parent)?;
        let of_type = |value: &str| format!("({value})::{}", type_name(&column.child_type));
        let child = quote(&column.child);
        same.push(format!("t.{child} {} {}", column.equals, of_type(from)));
        values.push((column.child.clone(), of_type(to)));
    }
    Some(OtherParent {
        condition: same.join(" AND "),
        values,
    })
}

impl OtherParent {
    /// Whether the archivals `$1` have such rows.
    pub fn has_rows(&self, moved: &Moved) -> String {
        format!(
            "SELECT pg_catalog.to_jsonb(EXISTS (SELECT FROM {} AS t WHERE t.{} OPERATOR(pg_catalog.=) ANY ($1) AND {})) AS result",
            moved.archive_table.id.sql(),
            quote(&moved.archive_table.archival_id),
            self.condition,
        )
    }

    /// Lets them refer to the other one: see [`assign`].
    pub fn assign(&self, moved: &Moved) -> String {
        assign(moved, &self.values, &Of::Where(self.condition.clone()))
    }
}

/// How many characters a column of limited length takes.
fn most_characters(column: &Column) -> Option<i32> {
    // The modifier of a varchar is its length and 4.
    (column.type_modifier > 3).then_some(column.type_modifier - 4)
}

/// A suffix with its number.
fn numbered(suffix: &str, n: &str) -> String {
    format!(
        "pg_catalog.replace({}, '{{n}}', ({n})::pg_catalog.text)",
        literal(suffix)
    )
}

/// The value of a text column with a suffix, cut to the length of the column. `{n}` in the suffix is a number.
pub fn with_suffix(column: &Column, row: &str, suffix: &str, n: &str) -> String {
    let suffix = numbered(suffix, n);
    let old = format!("{row}.{}::pg_catalog.text", quote(&column.name));
    let old = match most_characters(column) {
        None => old,
        Some(most) => format!(
            "pg_catalog.\"left\"({old}, greatest({most} OPERATOR(pg_catalog.-) pg_catalog.length({suffix}), 0))"
        ),
    };
    format!(
        "({old} OPERATOR(pg_catalog.||) {suffix})::{}",
        type_name(&column.sql_type)
    )
}

/// The smallest number from 2 on with which the archived row with this key has no conflict on these indexes, neither with an active row nor
/// with another row of the archivals `$1`: see [`with_suffix`]. NULL where there is none among the first thousand, where the column is NULL,
/// and where the suffix leaves nothing of the value.
pub fn free_number(
    moved: &Moved,
    indexes: &[&UniqueIndex],
    column: &Column,
    suffix: &str,
    key: &str,
) -> String {
    let archival_id = &moved.archive_table.archival_id;
    let name = quote(&column.name);
    let row = format!(
        "{} AS r WHERE {} OPERATOR(pg_catalog.=) {}::pg_catalog.jsonb AND r.{name} IS NOT NULL",
        moved.archive_table.id.sql(),
        key_object(&moved.table.key, "r"),
        literal(key),
    );
    let others = names(moved).into_iter().filter(|name| *name != column.name);
    let candidate = format!(
        "(SELECT {}, {} AS {name} FROM {row})",
        columns("r", others),
        with_suffix(column, "r", suffix, "g.n"),
    );
    let mut conditions = vec![format!("EXISTS (SELECT FROM {row})")];
    if let Some(most) = most_characters(column) {
        conditions.push(format!(
            "pg_catalog.length({}) OPERATOR(pg_catalog.<) {most}",
            numbered(suffix, "g.n")
        ));
    }
    for index in indexes {
        let candidate = side(moved, index, &candidate, Some(&quote(archival_id)));
        let same = same_values(index);
        conditions.push(format!(
            "NOT EXISTS (SELECT FROM ({candidate}) AS d JOIN ({}) AS a ON {same})",
            side(moved, index, &moved.table.id.sql(), None)
        ));
        conditions.push(format!(
            "NOT EXISTS (SELECT FROM ({candidate}) AS d JOIN ({}) AS a ON {same} AND a.key OPERATOR(pg_catalog.<>) d.key)",
            archived_side(moved, index)
        ));
    }
    format!(
        "SELECT (SELECT pg_catalog.to_jsonb(g.n) FROM pg_catalog.generate_series(2, 1001) AS g(n) WHERE {} LIMIT 1) AS result",
        conditions.join(" AND ")
    )
}
