//! Links in the model: which are detached in archived rows, and which are restored.

use crate::schemas::model::{Cut, Link, Model, Place, Row};
use crate::schemas::schema::{Edge, OnDelete};

impl Model {
    /// The archived rows that refer to a row by one foreign key.
    pub fn archived_children(&self, edge: usize, parent: Place) -> Vec<Place> {
        let of: Edge = self.schema.edges[edge];
        let rows = self.tables.archived[of.child].values();
        rows.filter(|(_, row)| self.parent(edge, row) == Some(parent))
            .map(|(_, row)| (of.child, row.id))
            .collect()
    }

    /// Whether the parent of an archived row was deleted, by a foreign key with ON DELETE SET NULL.
    pub fn is_orphaned(&self, edge: usize, row: &Row) -> bool {
        self.schema.edges[edge].on_delete == OnDelete::SetNull
            && self
                .parent(edge, row)
                .is_some_and(|parent| !self.is_active(parent) && self.archival(parent).is_none())
    }

    pub fn cut_link(&self, edge: usize, link: Link) -> Link {
        Link {
            area: link.area.filter(|_| self.schema.edges[edge].area_required),
            id: None,
        }
    }

    /// Marks the detached links of a deleted row. Rows with a generated key (table 2) are not marked, since such a key is
    /// not used twice.
    pub fn forget_links(&mut self, (table, id): Place) {
        let links = self.tables.cuts.iter_mut();
        for cut in links.filter(|cut| cut.child == (table, id) && table != 2) {
            cut.deleted = true;
        }
    }

    /// Restores the links that an archival has detached, and returns their number.
    pub fn relink(&mut self, archival: i64) -> u64 {
        let mut linked = 0;
        let cuts = std::mem::take(&mut self.tables.cuts);
        let times = |cut: &Cut| {
            let same = |other: &&Cut| {
                (other.archival, other.child, other.edge) == (cut.archival, cut.child, cut.edge)
            };
            cuts.iter().filter(same).filter(|c| !c.deleted).count()
        };
        // A link that is stored twice belongs to two rows with the same key.
        let twice: Vec<bool> = cuts.iter().map(|cut| times(cut) > 1).collect();
        for (mut cut, twice) in cuts.into_iter().zip(twice) {
            let edge = self.schema.edges[cut.edge];
            let parent = cut.link.id.map(|id| (edge.parent, id));
            let elsewhere = parent
                .filter(|p| !self.is_active(*p))
                .and_then(|p| self.archival(p));
            if cut.archival != archival {
                self.tables.cuts.push(cut);
            } else if let Some(other) = elsewhere {
                cut.archival = other;
                self.tables.cuts.push(cut);
            } else if cut.deleted {
                self.tables.cuts.push(cut);
            } else {
                let (table, id) = cut.child;
                let active = self.tables.active[table].get_mut(&id);
                let archived = self.tables.archived[table].get_mut(&id).map(|(_, row)| row);
                let row = match (active, archived) {
                    (Some(row), None) | (None, Some(row)) if !twice => row,
                    // It is unknown which of the two rows had the link, or there is none: the link stays detached.
                    _ => {
                        self.tables.cuts.push(cut);
                        continue;
                    }
                };
                let link = row.links.get_mut(&cut.edge).expect("it has the link");
                let open = match edge.area_required {
                    true => link.area == cut.link.area,
                    false => link.area.is_none(),
                };
                if link.id.is_none() && open {
                    *link = cut.link;
                    linked += 1;
                }
            }
        }
        linked
    }
}
