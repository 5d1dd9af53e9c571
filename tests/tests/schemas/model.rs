//! The model: the tables in memory, and the effect of each call on them.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm_archive::entity::Policy;
use serde_json::{Value, json};

use crate::schemas::schema::{Edge, Schema, TABLES, is_composite};

/// A table and the id of a row.
pub type Place = (usize, i64);

/// A foreign key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub area: Option<i32>,
    pub id: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub area: i32,
    pub id: i64,
    pub name: Option<String>,
    /// A hash of all other values, computed by the database when the row was written.
    pub print: String,
    pub links: BTreeMap<usize, Link>,
}

/// A link that an archival has detached.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    pub archival: i64,
    pub child: Place,
    pub edge: usize,
    pub link: Link,
    /// The row was deleted since.
    pub deleted: bool,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tables {
    pub active: Vec<BTreeMap<i64, Row>>,
    /// Each with the archival that the row belongs to.
    pub archived: Vec<BTreeMap<i64, (i64, Row)>>,
    /// The archivals that were not restored, and their roots.
    pub roots: BTreeMap<i64, Place>,
    pub cuts: Vec<Cut>,
}

#[derive(Clone)]
pub struct Model {
    pub schema: Schema,
    pub tables: Tables,
    pub last_id: i64,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    Undeclared(BTreeSet<String>),
    NotFound,
    AlreadyArchived(i64),
    KeyArchived,
    Blocked(BTreeSet<(String, u64)>),
    NotArchived,
    /// The archival of the parent, if the model can determine it.
    ParentArchived(Option<i64>),
    AlreadyRestored,
    /// A row that a trigger could count wrongly would wait for another parent.
    Counted,
    Conflicts(BTreeSet<String>),
}

/// The effect of an archive, before the ids of its archivals are known.
#[derive(Debug, Default)]
pub struct Move {
    /// The roots with an archival of their own, in the order of their keys.
    pub roots: Vec<i64>,
    /// The rows that are archived, each with its root.
    pub rows: BTreeMap<Place, i64>,
    pub cuts: Vec<(Place, usize, i64)>,
    /// The same for rows that were archived before.
    pub archived_cuts: Vec<(Place, usize, i64)>,
    pub blocked: BTreeSet<(String, u64)>,
    pub taken: bool,
}

/// The effect of a restore, before the archivals to which rows are reassigned are known.
#[derive(Debug, Default)]
pub struct Return {
    pub rows: BTreeSet<Place>,
    /// Rows that stay archived, and are reassigned to another archival.
    pub waiting: BTreeSet<Place>,
    pub conflicts: BTreeSet<String>,
    /// Unique indexes that two of the restored rows would violate together.
    pub same_names: BTreeSet<String>,
    /// The parent that must be restored first, if it is the only conflict, with its archival if the model can
    /// determine it.
    pub first: Option<Option<i64>>,
}

impl Return {
    /// All conflicts. Those between restored rows are only found, by trying, if there are no others.
    pub fn all_conflicts(&self) -> &BTreeSet<String> {
        if self.conflicts.is_empty() {
            &self.same_names
        } else {
            &self.conflicts
        }
    }
}

impl Model {
    pub fn new(schema: Schema) -> Self {
        let tables = Tables {
            active: vec![BTreeMap::new(); TABLES],
            archived: vec![BTreeMap::new(); TABLES],
            ..Tables::default()
        };
        Self {
            schema,
            tables,
            last_id: 0,
        }
    }

    /// The row that a foreign key of a row refers to.
    pub fn parent(&self, edge: usize, row: &Row) -> Option<Place> {
        let (of, link) = (self.schema.edges[edge], row.links[&edge]);
        let whole = !is_composite(of.parent) || link.area.is_some();
        link.id.filter(|_| whole).map(|id| (of.parent, id))
    }

    pub fn is_active(&self, (table, id): Place) -> bool {
        self.tables.active[table].contains_key(&id)
    }

    /// The archival of an archived row.
    pub fn archival(&self, (table, id): Place) -> Option<i64> {
        self.tables.archived[table]
            .get(&id)
            .map(|(archival, _)| *archival)
    }

    /// The active rows that refer to a row by one foreign key.
    fn children(&self, edge: usize, parent: Place) -> Vec<Place> {
        let of: Edge = self.schema.edges[edge];
        let rows = self.tables.active[of.child].values();
        rows.filter(|row| self.parent(edge, row) == Some(parent))
            .map(|row| (of.child, row.id))
            .collect()
    }

    pub fn has_children(&self, parent: Place) -> bool {
        let mut edges = self.schema.pointing_at(parent.0);
        edges.any(|(n, _)| !self.children(n, parent).is_empty())
    }

    /// The tables that are archived with a table by `cascade`, itself included.
    fn reach(&self, table: usize) -> BTreeSet<usize> {
        let mut all = BTreeSet::from([table]);
        loop {
            let cascades = self.schema.edges.iter();
            let next: Vec<_> = cascades
                .filter(|e| e.policy == Some(Policy::Cascade) && all.contains(&e.parent))
                .map(|e| e.child)
                .filter(|child| !all.contains(child))
                .collect();
            if next.is_empty() {
                return all;
            }
            all.extend(next);
        }
    }

    /// The undeclared edges by which the database would change rows.
    pub fn undeclared(&self, table: usize) -> BTreeSet<String> {
        let reach = self.reach(table);
        let edges = self.schema.edges.iter().enumerate();
        edges
            .filter(|(_, e)| reach.contains(&e.parent))
            .filter(|(_, e)| e.policy.is_none() && !e.on_delete.refuses())
            .map(|(n, _)| format!("edge_{n}"))
            .collect()
    }

    /// The rows below one in its own table, itself included.
    fn below(&self, root: Place) -> BTreeSet<i64> {
        let mut all = BTreeSet::from([root.1]);
        let mut open = vec![root];
        while let Some(row) = open.pop() {
            for (n, edge) in self.schema.pointing_at(root.0) {
                if edge.child == root.0 && edge.policy == Some(Policy::Cascade) {
                    let new = self
                        .children(n, row)
                        .into_iter()
                        .filter(|(_, id)| all.insert(*id));
                    open.extend(new.collect::<Vec<_>>());
                }
            }
        }
        all
    }

    /// The effect of archiving active rows of a table.
    pub fn archive(&self, table: usize, wanted: &[i64]) -> Move {
        let mut wanted: Vec<_> = wanted
            .iter()
            .map(|id| &self.tables.active[table][id])
            .collect();
        wanted.sort_by_key(|row| (is_composite(table).then_some(row.area), row.id));
        // A root below another one belongs to the archival of the upper one; in a circle, to that of the first.
        let below: Vec<_> = wanted
            .iter()
            .map(|row| self.below((table, row.id)))
            .collect();
        let goes_with = |lower: usize, upper: usize| {
            lower != upper
                && below[upper].contains(&wanted[lower].id)
                && (upper < lower || !below[lower].contains(&wanted[upper].id))
        };
        let roots: Vec<i64> = (0..wanted.len())
            .filter(|&lower| !(0..wanted.len()).any(|upper| goes_with(lower, upper)))
            .map(|n| wanted[n].id)
            .collect();
        // Each row belongs to the first root that reaches it.
        let order = |root: i64| roots.iter().position(|other| *other == root);
        let mut rows: BTreeMap<Place, i64> = roots.iter().map(|id| ((table, *id), *id)).collect();
        let mut open: Vec<_> = rows.keys().copied().collect();
        while let Some(row) = open.pop() {
            let root = rows[&row];
            for (n, edge) in self.schema.pointing_at(row.0) {
                if edge.policy != Some(Policy::Cascade) {
                    continue;
                }
                for child in self.children(n, row) {
                    let first = rows
                        .get(&child)
                        .is_none_or(|other| order(root) < order(*other));
                    if first {
                        rows.insert(child, root);
                        open.push(child);
                    }
                }
            }
        }
        let taken = rows.keys().any(|row| self.archival(*row).is_some());
        let mut done = Move {
            roots,
            rows,
            taken,
            ..Move::default()
        };
        self.beside(&mut done);
        done
    }

    /// Adds the rows that stay active, whose link is detached or which block the archive.
    fn beside(&self, done: &mut Move) {
        let reach: BTreeSet<usize> = done.rows.keys().map(|(table, _)| *table).collect();
        for (n, edge) in self.schema.edges.iter().enumerate() {
            if edge.policy == Some(Policy::Cascade) || !reach.contains(&edge.parent) {
                continue;
            }
            let parents: Vec<_> = done
                .rows
                .iter()
                .filter(|((table, _), _)| *table == edge.parent)
                .collect();
            let (mut stay, mut archived) = (Vec::new(), Vec::new());
            for (parent, root) in parents {
                let before = self.archived_children(n, *parent).into_iter();
                archived.extend(before.map(|child| (child, n, *root)));
                let children = self.children(n, *parent).into_iter();
                let children = children.filter(|child| !done.rows.contains_key(child));
                stay.extend(children.map(|child| (child, n, *root)));
            }
            if edge.policy == Some(Policy::Detach) {
                done.cuts.extend(stay);
                done.archived_cuts.extend(archived);
            } else if !stay.is_empty() {
                done.blocked
                    .insert((format!("edge_{n}"), stay.len() as u64));
            }
        }
    }

    /// Moves the rows to the archivals of their roots.
    pub fn archived(&mut self, table: usize, done: &Move, archivals: &BTreeMap<i64, i64>) {
        let active = done.cuts.iter().map(|cut| (false, cut));
        let archived = done.archived_cuts.iter().map(|cut| (true, cut));
        for (is_archived, (child, edge, root)) in active.chain(archived) {
            let place = if is_archived {
                let row = self.tables.archived[child.0].get_mut(&child.1);
                row.map(|(_, row)| row)
            } else {
                self.tables.active[child.0].get_mut(&child.1)
            };
            let link = place.expect("it stays").links.get_mut(edge);
            let link = link.expect("it has the link");
            self.tables.cuts.push(Cut {
                archival: archivals[root],
                child: *child,
                edge: *edge,
                link: *link,
                deleted: false,
            });
            *link = Link {
                area: link.area.filter(|_| self.schema.edges[*edge].area_required),
                id: None,
            };
        }
        for (place, root) in &done.rows {
            let row = self.tables.active[place.0]
                .remove(&place.1)
                .expect("it is active");
            self.tables.archived[place.0].insert(place.1, (archivals[root], row));
        }
        let roots = done
            .roots
            .iter()
            .map(|root| (archivals[root], (table, *root)));
        self.tables.roots.extend(roots);
    }

    /// The archivals of the parents of an archived row, without `own`.
    fn held_by_others(&self, row: &Row, table: usize, own: i64) -> BTreeSet<i64> {
        let edges = self.schema.held_by(table);
        edges
            .filter_map(|(n, _)| self.parent(n, row))
            .filter(|parent| !self.is_active(*parent))
            .filter_map(|parent| self.archival(parent))
            .filter(|archival| *archival != own)
            .collect()
    }

    /// The effect of restoring an archival.
    pub fn restore(&self, archival: i64) -> Return {
        let root = self.tables.roots[&archival];
        let all = self.tables.archived.iter().enumerate();
        let mut rows: BTreeSet<Place> = all
            .flat_map(|(table, rows)| {
                let own = rows.values().filter(|(by, _)| *by == archival);
                own.map(move |(_, row)| (table, row.id))
            })
            .collect();
        let mut waiting = BTreeSet::new();
        loop {
            let waits: Vec<Place> = rows
                .iter()
                .filter(|place| **place != root)
                .filter(|(table, id)| {
                    let row = &self.tables.archived[*table][id].1;
                    let parents = self
                        .schema
                        .held_by(*table)
                        .filter_map(|(n, _)| self.parent(n, row));
                    parents
                        .filter(|parent| !self.is_active(*parent) && !rows.contains(parent))
                        .any(|parent| self.archival(parent).is_some())
                })
                .copied()
                .collect();
            if waits.is_empty() {
                break;
            }
            for place in waits {
                rows.remove(&place);
                waiting.insert(place);
            }
        }
        let mut back = Return {
            rows,
            waiting,
            ..Return::default()
        };
        self.conflicts(root, &mut back);
        back
    }

    fn conflicts(&self, root: Place, back: &mut Return) {
        let mut missing = Vec::new();
        for place in &back.rows {
            let (table, id) = *place;
            let row = &self.tables.archived[table][&id].1;
            if self.is_active(*place) {
                back.conflicts.insert(format!("taken t{table} {id}"));
            }
            if let Some(name) = row.name.as_ref().filter(|_| self.schema.unique[table]) {
                let holders = self.tables.active[table].values();
                for holder in holders.filter(|other| other.name.as_ref() == Some(name)) {
                    back.conflicts
                        .insert(format!("unique t{table} {id} {}", holder.id));
                }
                let others = back
                    .rows
                    .iter()
                    .filter(|other| other.0 == table && other.1 != id);
                let mut others = others.map(|(_, id)| &self.tables.archived[table][id].1);
                if others.any(|other| other.name.as_ref() == Some(name)) {
                    back.same_names.insert(format!("violated t{table}_name"));
                }
            }
            for (n, _) in self.schema.held_by(table) {
                let Some(parent) = self.parent(n, row).filter(|_| !self.is_orphaned(n, row)) else {
                    continue;
                };
                if !self.is_active(parent) && !back.rows.contains(&parent) {
                    let held = self.archival(parent);
                    // For a parent that is reassigned itself, the database chooses the archival.
                    let known = held.filter(|_| !back.waiting.contains(&parent));
                    missing.push((table, held.map(|_| known)));
                    let how = if held.is_some() {
                        "archived"
                    } else {
                        "deleted"
                    };
                    back.conflicts
                        .insert(format!("missing t{table} {id} edge_{n} {how}"));
                }
            }
        }
        if let ([(table, Some(first))], 1) = (missing.as_slice(), back.conflicts.len()) {
            back.first = Some(*first).filter(|_| *table == root.0);
        }
    }

    /// The refusal of a restore with this effect.
    pub fn refusal(back: &Return) -> Option<Refusal> {
        let conflicts = back.all_conflicts();
        match back.first {
            Some(first) => Some(Refusal::ParentArchived(first)),
            None if conflicts.is_empty() => None,
            None => Some(Refusal::Conflicts(conflicts.clone())),
        }
    }

    /// Moves the rows back, reassigns the waiting ones to the archivals in `owner`, and restores links. Returns the
    /// number of restored links, or an error if an owner is wrong.
    pub fn restored(
        &mut self,
        archival: i64,
        back: &Return,
        owner: &BTreeMap<Place, i64>,
    ) -> Result<u64, String> {
        for place in back.rows.iter().chain(&back.waiting) {
            let mut row = self.tables.archived[place.0][&place.1].1.clone();
            for (n, _) in self.schema.held_by(place.0) {
                if self.is_orphaned(n, &row) {
                    row.links.insert(n, self.cut_link(n, row.links[&n]));
                }
            }
            let held = self.tables.archived[place.0].get_mut(&place.1);
            held.expect("it is archived").1 = row;
        }
        for place in &back.rows {
            let (_, row) = self.tables.archived[place.0]
                .remove(&place.1)
                .expect("it is archived");
            self.tables.active[place.0].insert(place.1, row);
        }
        for place in &back.waiting {
            let Some(new) = owner.get(place) else {
                return Err(format!("{place:?} should wait, and is not archived"));
            };
            let held = self.tables.archived[place.0].get_mut(&place.1);
            held.expect("it is archived").0 = *new;
        }
        for place in &back.waiting {
            let (new, row) = &self.tables.archived[place.0][&place.1];
            let holders = self.held_by_others(row, place.0, archival);
            if !holders.contains(new) {
                return Err(format!(
                    "{place:?} was reassigned to {new}, and waits for {holders:?}"
                ));
            }
        }
        self.tables.roots.remove(&archival);
        Ok(self.relink(archival))
    }
}

impl Row {
    /// The row as the query of the database returns it.
    pub fn json(&self, table: usize) -> Value {
        let mut all = json!({ "id": self.id, "name": self.name, "print": self.print });
        if is_composite(table) {
            all["area"] = self.area.into();
        }
        for (n, link) in &self.links {
            all[format!("e{n}")] = link.id.into();
            all[format!("e{n}_area")] = link.area.into();
        }
        all
    }
}
