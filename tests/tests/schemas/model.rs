//! What must be true: the tables in memory, and what each call does to them.

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
    /// A hash of all other values, as the database wrote them when the row was made.
    pub print: String,
    pub links: BTreeMap<usize, Link>,
}

/// A link that an archival has cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    pub archival: i64,
    pub child: Place,
    pub edge: usize,
    pub link: Link,
    /// The row was deleted for good since.
    pub deleted: bool,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tables {
    pub active: Vec<BTreeMap<i64, Row>>,
    /// With the archival that holds the row.
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

/// Why a call does nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    Undeclared(BTreeSet<String>),
    NotFound,
    AlreadyArchived(i64),
    KeyArchived,
    Blocked(BTreeSet<(String, u64)>),
    NotArchived,
    /// By which archival, where that is known beforehand.
    ParentArchived(Option<i64>),
    AlreadyRestored,
    Conflicts(BTreeSet<String>),
}

/// What an archive does, before it is known by which archivals.
#[derive(Debug, Default)]
pub struct Move {
    /// The roots with an archival of their own, in the order of their keys.
    pub roots: Vec<i64>,
    /// The rows that go, each with its root.
    pub rows: BTreeMap<Place, i64>,
    pub cuts: Vec<(Place, usize, i64)>,
    /// The same of rows that were archived before.
    pub archived_cuts: Vec<(Place, usize, i64)>,
    pub blocked: BTreeSet<(String, u64)>,
    pub taken: bool,
}

/// What a restore does, before it is known to which archivals rows are handed.
#[derive(Debug, Default)]
pub struct Return {
    pub rows: BTreeSet<Place>,
    /// Rows that stay, each with the archivals that it may belong to afterwards.
    pub handed: BTreeSet<Place>,
    pub conflicts: BTreeSet<String>,
    /// Indexes that two of the rows that come back violate together.
    pub same_names: BTreeSet<String>,
    /// The one parent that must come first, and its archival where that is known beforehand.
    pub first: Option<Option<i64>>,
}

impl Return {
    /// What is in the way. Rows that are in each other's are found by trying, where nothing else is.
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

    /// The row that a foreign key of a row points at.
    pub fn parent(&self, edge: usize, row: &Row) -> Option<Place> {
        let (of, link) = (self.schema.edges[edge], row.links[&edge]);
        let whole = !is_composite(of.parent) || link.area.is_some();
        link.id.filter(|_| whole).map(|id| (of.parent, id))
    }

    pub fn is_active(&self, (table, id): Place) -> bool {
        self.tables.active[table].contains_key(&id)
    }

    /// The archival that holds a row.
    pub fn archival(&self, (table, id): Place) -> Option<i64> {
        self.tables.archived[table]
            .get(&id)
            .map(|(archival, _)| *archival)
    }

    /// The active rows that point at a row by one foreign key.
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

    /// The tables that go along with one.
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

    /// The edges that nobody declared and the database would follow.
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

    /// What archiving active rows of a table would do.
    pub fn archive(&self, table: usize, wanted: &[i64]) -> Move {
        let mut wanted: Vec<_> = wanted
            .iter()
            .map(|id| &self.tables.active[table][id])
            .collect();
        wanted.sort_by_key(|row| (is_composite(table).then_some(row.area), row.id));
        // Of two roots the upper one takes the lower along; in a circle it is the first.
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
        // Each row goes with the first root that reaches it.
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

    /// The rows that stay, and lose a link or are in the way.
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

    /// Moves the rows, now that each root has an archival.
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

    /// The archivals that hold a parent of an archived row and are not `own`.
    fn held_by_others(&self, row: &Row, table: usize, own: i64) -> BTreeSet<i64> {
        let edges = self.schema.held_by(table);
        edges
            .filter_map(|(n, _)| self.parent(n, row))
            .filter(|parent| !self.is_active(*parent))
            .filter_map(|parent| self.archival(parent))
            .filter(|archival| *archival != own)
            .collect()
    }

    /// What restoring an archival would do.
    pub fn restore(&self, archival: i64) -> Return {
        let root = self.tables.roots[&archival];
        let all = self.tables.archived.iter().enumerate();
        let mut rows: BTreeSet<Place> = all
            .flat_map(|(table, rows)| {
                let own = rows.values().filter(|(by, _)| *by == archival);
                own.map(move |(_, row)| (table, row.id))
            })
            .collect();
        let mut handed = BTreeSet::new();
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
                handed.insert(place);
            }
        }
        let mut back = Return {
            rows,
            handed,
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
                    // A parent that is handed over itself: to whom, the database decides.
                    let known = held.filter(|_| !back.handed.contains(&parent));
                    missing.push((table, held.map(|_| known)));
                    let how = if held.is_some() { "archived" } else { "gone" };
                    back.conflicts
                        .insert(format!("missing t{table} {id} edge_{n} {how}"));
                }
            }
        }
        if let ([(table, Some(first))], 1) = (missing.as_slice(), back.conflicts.len()) {
            back.first = Some(*first).filter(|_| *table == root.0);
        }
    }

    /// Why a restore that finds this does nothing.
    pub fn refusal(back: &Return) -> Option<Refusal> {
        let conflicts = back.all_conflicts();
        match back.first {
            Some(first) => Some(Refusal::ParentArchived(first)),
            None if conflicts.is_empty() => None,
            None => Some(Refusal::Conflicts(conflicts.clone())),
        }
    }

    /// Moves the rows back, hands the others over to the archivals that `owner` names, and puts links
    /// back; says how many rows got one, or what is wrong with an owner.
    pub fn restored(
        &mut self,
        archival: i64,
        back: &Return,
        owner: &BTreeMap<Place, i64>,
    ) -> Result<u64, String> {
        for place in back.rows.iter().chain(&back.handed) {
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
        for place in &back.handed {
            let Some(new) = owner.get(place) else {
                return Err(format!("{place:?} should wait, and is not archived"));
            };
            let held = self.tables.archived[place.0].get_mut(&place.1);
            held.expect("it is archived").0 = *new;
        }
        for place in &back.handed {
            let (new, row) = &self.tables.archived[place.0][&place.1];
            let holders = self.held_by_others(row, place.0, archival);
            if !holders.contains(new) {
                return Err(format!(
                    "{place:?} was handed to {new}, and waits for {holders:?}"
                ));
            }
        }
        self.tables.roots.remove(&archival);
        Ok(self.relink(archival))
    }
}

impl Row {
    /// As the database writes it.
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
