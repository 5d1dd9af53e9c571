//! Copies the rows of an archival with new keys, as an archival of its own. The links between the copied rows follow.

use std::collections::BTreeMap;

use super::defer::is_root;
use super::freshness::unchanged;
use super::tree::with;
use crate::catalog::{ForeignKey, Table};
use crate::ident::{joined, key_object, quote};
use crate::model::{Moved, RestorePlan};

/// SQL for a new value of each column of a primary key that has a default, by the oid of the table and the column.
pub type KeyDefaults = BTreeMap<i64, BTreeMap<String, String>>;

/// Where the new value of a column of a primary key comes from.
#[derive(Clone, Debug)]
enum Source {
    /// Its default.
    Default(String),
    /// The new key of the parent.
    Parent(Box<Link>),
}

/// A foreign key to another row that is copied.
#[derive(Clone, Debug)]
struct Link {
    key: ForeignKey,
    /// The index of the parent's table.
    parent: usize,
    /// The column of the parent.
    column: String,
}

/// The new columns of each table.
type Sources = Vec<BTreeMap<String, Source>>;

/// One statement that copies the rows of the first of the archivals `$1` into the second, and returns the new key of the root as text. It is
/// run on the search_path pg_catalog, for which the defaults are written.
///
/// Race: the archival is locked, so no restore and no purge moves its rows meanwhile. See [`locks`] for a migration.
///
/// # Errors
///
/// The table whose primary key has no column that gets a new value.
pub fn statement<'a>(plan: &'a RestorePlan, defaults: &KeyDefaults) -> Result<String, &'a Moved> {
    let sources = sources(plan, defaults);
    let mut keys = Vec::new();
    let mut written = vec![false; plan.tables.len()];
    // Parents first. The loop ends: each round writes a table, or stops.
    while let Some(n) = next(&sources, &written) {
        written[n] = true;
        keys.push(new_keys(plan, n, &sources));
    }
    let without = (0..plan.tables.len()).find(|n| !written[*n] || sources[*n].is_empty());
    if let Some(n) = without {
        return Err(&plan.tables[n]);
    }
    let copies = (0..plan.tables.len()).map(|n| copied(plan, n, &sources));
    let root = &plan.tables[0];
    let key: Vec<_> = root
        .table
        .key
        .iter()
        .map(|c| {
            format!(
                "{} AS {}",
                value(plan, 0, &c.name, &sources),
                quote(&c.name)
            )
        })
        .collect();
    let root = format!(
        "SELECT pg_catalog.jsonb_build_object('key', (SELECT {} FROM (SELECT {} FROM key_0 AS t JOIN archive.archival AS s ON s.id OPERATOR(pg_catalog.=) t.{} AND {}) AS r)::pg_catalog.text) AS result",
        key_object(&root.table.key, "r"),
        key.join(", "),
        quote(&root.archive_table.archival_id),
        is_root(root, "s", "t"),
    );
    Ok(with(keys.into_iter().chain(copies), &root))
}

/// Two statements before the copy: the first locks the archive tables, and the second stops with the code of a stale plan where they have
/// other columns than the plan.
///
/// Race: a migration adds a column to an archive table after the plan was read. The copies would lack its values.
pub fn locks(plan: &RestorePlan) -> [String; 2] {
    let tables = plan.tables.iter().map(|moved| moved.archive_table.id.sql());
    let tables: Vec<_> = tables.collect();
    [
        format!("LOCK TABLE {} IN ACCESS SHARE MODE", tables.join(", ")),
        format!(
            "SELECT pg_catalog.to_jsonb(true) AS result WHERE {}",
            unchanged(&plan.freshness)
        ),
    ]
}

/// A table that is not written yet, and whose parents in its primary key are.
fn next(sources: &Sources, written: &[bool]) -> Option<usize> {
    let ready = |n: &usize| {
        !written[*n]
            && sources[*n].values().all(|source| match source {
                Source::Default(_) => true,
                Source::Parent(link) => written[link.parent],
            })
    };
    (0..sources.len()).find(ready)
}

fn sources(plan: &RestorePlan, defaults: &KeyDefaults) -> Sources {
    let tables = || plan.tables.iter().map(|moved| &moved.table);
    let default = |table: &Table, column: &str| {
        let default = defaults.get(&table.id.oid)?.get(column)?;
        Some(Source::Default(default.clone()))
    };
    let mut sources: Sources = tables()
        .enumerate()
        .map(|(n, table)| {
            let own = table
                .key
                .iter()
                .filter(|c| links(plan, n, &c.name).is_empty());
            let own = own.filter_map(|c| Some((c.name.clone(), default(table, &c.name)?)));
            own.collect()
        })
        .collect();
    // A key that contains that of its parent, level by level.
    for _ in tables() {
        for (n, table) in tables().enumerate() {
            for column in &table.key {
                let links = links(plan, n, &column.name).into_iter();
                let mut links =
                    links.filter(|link| sources[link.parent].contains_key(&link.column));
                if let (false, Some(link)) = (sources[n].contains_key(&column.name), links.next()) {
                    sources[n].insert(column.name.clone(), Source::Parent(Box::new(link)));
                }
            }
        }
    }
    sources
}

/// The foreign keys of this column to other tables that are copied.
fn links(plan: &RestorePlan, n: usize, column: &str) -> Vec<Link> {
    let keys = plan.tables[n].table.outgoing.iter();
    let links = keys.filter_map(|key| {
        let parent = plan
            .tables
            .iter()
            .position(|m| m.table.id.oid == key.parent.oid)?;
        let pair = key.columns.iter().find(|pair| pair.child == column)?;
        Some(Link {
            key: key.clone(),
            parent,
            column: pair.parent.clone(),
        })
    });
    links.collect()
}

/// The name of the new value of a column: shorter than any name may be, and not one of a column.
fn new(table: &Table, column: &str) -> String {
    let place = table.columns.iter().position(|c| c.name == column);
    quote(&format!("archive.new_{}", place.unwrap_or_default()))
}

/// The archived rows with their new keys.
fn new_keys(plan: &RestorePlan, n: usize, sources: &Sources) -> String {
    let moved = &plan.tables[n];
    let mut joins = String::new();
    let mut values = String::new();
    for (place, (column, source)) in sources[n].iter().enumerate() {
        let value = match source {
            Source::Default(default) => format!("({default})"),
            Source::Parent(link) => {
                let alias = format!("p{place}");
                let parent = &plan.tables[link.parent].table;
                joins += &format!(
                    " LEFT JOIN key_{} AS {alias} ON {}",
                    link.parent,
                    joined(&link.key, &alias, "t")
                );
                format!(
                    "coalesce({alias}.{}, t.{})",
                    new(parent, &link.column),
                    quote(column)
                )
            }
        };
        values += &format!(", {value} AS {}", new(&moved.table, column));
    }
    format!(
        "key_{n} AS MATERIALIZED (SELECT t.*{values} FROM {} AS t{joins} WHERE t.{} OPERATOR(pg_catalog.=) ($1)[1])",
        moved.archive_table.id.sql(),
        quote(&moved.archive_table.archival_id),
    )
}

/// The value of a column of the copied row `t`, without links of columns outside of the key.
fn value(plan: &RestorePlan, n: usize, column: &str, sources: &Sources) -> String {
    match sources[n].contains_key(column) {
        true => format!("t.{}", new(&plan.tables[n].table, column)),
        false => format!("t.{}", quote(column)),
    }
}

/// Inserts the copied rows.
fn copied(plan: &RestorePlan, n: usize, sources: &Sources) -> String {
    let moved = &plan.tables[n];
    let archive_table = &moved.archive_table;
    let mut joins = String::new();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (place, column) in moved.table.columns.iter().enumerate() {
        let mut followed = Vec::new();
        let links = links(plan, n, &column.name);
        let followed_links = links
            .iter()
            .filter(|link| sources[link.parent].contains_key(&link.column));
        if !sources[n].contains_key(&column.name) {
            for (l, link) in followed_links.enumerate() {
                let alias = format!("f{place}_{l}");
                joins += &format!(
                    " LEFT JOIN key_{} AS {alias} ON {}",
                    link.parent,
                    joined(&link.key, &alias, "t")
                );
                let parent = &plan.tables[link.parent].table;
                followed.push(format!("{alias}.{}", new(parent, &link.column)));
            }
        }
        followed.push(value(plan, n, &column.name, sources));
        names.push(quote(&column.name));
        values.push(match followed.as_slice() {
            [one] => one.clone(),
            all => format!("coalesce({})", all.join(", ")),
        });
    }
    for added in [&archive_table.deleted_at, &archive_table.deleted_by] {
        names.push(quote(added));
        values.push(format!("t.{}", quote(added)));
    }
    format!(
        "copied_{n} AS (INSERT INTO {} ({}, {}) SELECT {}, ($1)[2] FROM key_{n} AS t{joins} RETURNING 1)",
        archive_table.id.sql(),
        names.join(", "),
        quote(&archive_table.archival_id),
        values.join(", "),
    )
}
