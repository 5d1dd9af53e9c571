//! What should be where.

use std::collections::{BTreeMap, BTreeSet};

/// The tables, by their place in [`TABLES`].
pub type Table = usize;
/// A row: its table and its id.
pub type Key = (Table, i64);

pub const GROUPS: Table = 0;
pub const ITEMS: Table = 1;
pub const PARTS: Table = 2;
pub const TAGS: Table = 3;
pub const ITEM_TAGS: Table = 4;
pub const TABLES: [&str; 5] = ["groups", "items", "parts", "tags", "item_tags"];

/// The foreign keys: of which table, the column, to which table, and whether it may be NULL.
pub const LINKS: [(Table, &str, Table, bool); 6] = [
    (GROUPS, "group_id", GROUPS, true),
    (ITEMS, "group_id", GROUPS, false),
    (PARTS, "item_id", ITEMS, true),
    (PARTS, "group_id", GROUPS, true),
    (ITEM_TAGS, "item_id", ITEMS, false),
    (ITEM_TAGS, "tag_id", TAGS, false),
];

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub parents: Vec<Key>,
    pub content: i32,
    /// Unique among active items.
    pub slug: i32,
    /// The archival that holds it; `None` where it is active.
    pub archival: Option<i64>,
}

#[derive(Default)]
pub struct Model {
    pub rows: BTreeMap<Key, Row>,
    pub watched: BTreeSet<i64>,
    /// The roots of the archivals that are not restored.
    pub roots: BTreeMap<i64, Key>,
}

impl Model {
    pub fn active(&self, table: Table) -> Vec<i64> {
        let active = self
            .rows
            .iter()
            .filter(|(key, row)| key.0 == table && row.archival.is_none());
        active.map(|(key, _)| key.1).collect()
    }

    /// The active rows that go with these.
    pub fn below(&self, roots: &[Key]) -> BTreeSet<Key> {
        let mut all: BTreeSet<Key> = roots.iter().copied().collect();
        loop {
            let more: Vec<Key> = self
                .rows
                .iter()
                .filter(|(key, row)| {
                    row.archival.is_none()
                        && !all.contains(key)
                        && row.parents.iter().any(|p| all.contains(p))
                })
                .map(|(key, _)| *key)
                .collect();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    pub fn is_blocked(&self, rows: &BTreeSet<Key>) -> bool {
        rows.iter()
            .any(|key| key.0 == PARTS && self.watched.contains(&key.1))
    }

    /// The rows of an archival.
    pub fn held_by(&self, archival: i64) -> BTreeSet<Key> {
        let held = self
            .rows
            .iter()
            .filter(|(_, row)| row.archival == Some(archival));
        held.map(|(key, _)| *key).collect()
    }

    /// Of the rows of an archival, those that have to wait for a parent elsewhere.
    pub fn waiting(&self, archival: i64) -> BTreeSet<Key> {
        let held = self.held_by(archival);
        let mut waiting = BTreeSet::new();
        loop {
            let more: Vec<Key> = held
                .iter()
                .filter(|key| !waiting.contains(*key) && Some(*key) != self.roots.get(&archival))
                .filter(|key| {
                    let missing = |p: &Key| self.is_missing(*p, archival) || waiting.contains(p);
                    self.rows[*key].parents.iter().any(missing)
                })
                .copied()
                .collect();
            if more.is_empty() {
                return waiting;
            }
            waiting.extend(more);
        }
    }

    fn is_missing(&self, parent: Key, archival: i64) -> bool {
        self.rows[&parent]
            .archival
            .is_some_and(|other| other != archival)
    }

    /// Whether something is in the way of a restore: a parent of the root, or a slug.
    pub fn is_refused(&self, archival: i64) -> bool {
        let root = self.roots[&archival];
        let waiting = self.waiting(archival);
        let back: BTreeSet<Key> = self
            .held_by(archival)
            .difference(&waiting)
            .copied()
            .collect();
        self.rows[&root]
            .parents
            .iter()
            .any(|p| self.is_missing(*p, archival) || waiting.contains(p))
            || back.iter().any(|key| {
                key.0 == ITEMS
                    && self.rows.iter().any(|(other, row)| {
                        other.0 == ITEMS
                            && row.archival.is_none()
                            && row.slug == self.rows[key].slug
                    })
            })
    }
}
