//! The data of a plan: which tables move, by which foreign keys, and their state when the plan was built.

mod order;

pub use order::sort;

use crate::catalog::{
    ArchiveTable, ForeignKey, ForeignKeyColumn, KeyColumn, RowTrigger, Table, TableId,
};

/// How the rows of one tree move.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The state of the tables that it was built from.
    pub freshness: Freshness,
    /// The tables of the tree, every parent before its children; the root is the first.
    pub nodes: Vec<Node>,
    /// The tables whose rows lose a link and do not move.
    pub detached: Vec<DetachedChild>,
    /// The foreign keys whose rows block the archive.
    pub restrictions: Vec<Restriction>,
    /// A trigger of the application could remove the blocking rows before the database finds them, so they are counted before
    /// any row moves.
    pub counts_restrictions: bool,
}

impl Plan {
    /// Whether a trigger of the application fires when the rows are deleted. It may add or change rows that a restore then meets.
    pub fn has_acting_deletes(&self) -> bool {
        self.acting_deletes().next().is_some()
    }

    /// The triggers of the application that fire when the rows are deleted, each with its table.
    pub fn acting_deletes(&self) -> impl Iterator<Item = (&TableId, &RowTrigger)> {
        let root = self.root().table.id.oid;
        self.nodes.iter().flat_map(move |node| {
            let table = &node.moved.table;
            let suspended = move |t: &RowTrigger| {
                let mut tables = t.suspended_while.iter();
                tables.any(|oid| *oid == root || *oid == table.id.oid)
            };
            let triggers = table.row_triggers.iter();
            let triggers = triggers.filter(move |t| t.on_delete && !t.ours && !suspended(t));
            triggers.map(|trigger| (&table.id, trigger))
        })
    }

    /// The table of the root.
    pub fn root(&self) -> &Moved {
        &self.nodes[0].moved
    }
}

/// The state of the tables that a plan was built from. The statements compare it with the present state.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// The names of the tables, as the entities declare them.
    pub names: Vec<String>,
    /// The fingerprint of the tables.
    pub fingerprint: i64,
    /// The names without a schema, and the oids of the tables that the `search_path` resolved them to.
    pub resolved: Vec<(String, i64)>,
}

/// A table and its archive table.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The table.
    pub table: Table,
    /// Its archive table.
    pub archive_table: ArchiveTable,
    /// The type of the archive table's `deleted_by`.
    pub deleted_by_type: String,
}

impl Moved {
    /// The columns that a move writes: all but the generated ones.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        let stored = self.table.columns.iter().filter(|c| !c.generated);
        stored.map(|c| c.name.as_str())
    }
}

/// A table of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// The table with its archive table.
    pub moved: Moved,
    /// The foreign keys by which its rows belong to rows of other tables of the tree.
    pub parents: Vec<Parent>,
    /// The foreign keys by which its rows belong to rows of its own.
    pub loops: Vec<ForeignKey>,
    /// Its rows are read first and deleted by key: they may be reached twice, or a trigger may prevent the deletion of one.
    pub claimed: bool,
    /// Its rows are locked before the move.
    pub locked: bool,
}

/// A foreign key to another table of the tree.
#[derive(Clone, Debug)]
pub struct Parent {
    /// Which node the parents are rows of.
    pub node: usize,
    /// The foreign key.
    pub key: ForeignKey,
}

/// A table whose rows lose a link and do not move.
#[derive(Clone, Debug)]
pub struct DetachedChild {
    /// The table.
    pub table: TableId,
    /// Its primary key.
    pub key: Vec<KeyColumn>,
    /// Its archive table: the link is put back there if the row has been archived since.
    pub archive_table: Option<ArchiveTable>,
    /// The foreign keys whose links are cut.
    pub edges: Vec<Parent>,
    /// The node of the same table: the links of rows that move are not cut.
    pub moved_as: Option<usize>,
    /// It has a CHECK or a unique index, which may refuse a row without its link.
    pub is_constrained: bool,
    /// The triggers that fire when a link is cut or put back.
    pub triggers: Vec<RowTrigger>,
}

impl DetachedChild {
    /// The columns that become NULL when this edge is cut.
    pub fn nulled(key: &ForeignKey) -> impl Iterator<Item = &ForeignKeyColumn> {
        key.columns.iter().filter(|column| !column.child_not_null)
    }
}

/// A foreign key whose rows block the archive.
#[derive(Clone, Debug)]
pub struct Restriction {
    /// The node that the rows refer to.
    pub node: usize,
    /// The foreign key.
    pub key: ForeignKey,
    /// A guard checks it: the database would not refuse by itself, or not before the commit.
    pub guarded: bool,
    /// The node of the same table: rows that move do not block.
    pub moved_as: Option<usize>,
}

/// How the rows of an archival are restored.
#[derive(Clone, Debug)]
pub struct RestorePlan {
    /// The state of the tables that it was built from.
    pub freshness: Freshness,
    /// The tables, the root's first.
    pub tables: Vec<Moved>,
    /// The tables whose links may have been cut.
    pub detached: Vec<DetachedChild>,
}

impl RestorePlan {
    /// The triggers of the application that fire during the restore, each with its table. After them, the restored rows are
    /// compared with the archived ones.
    pub fn acting(&self) -> Vec<(&TableId, &RowTrigger)> {
        let inserted = self.tables.iter().flat_map(|moved| {
            let triggers = moved.table.row_triggers.iter().filter(|t| t.on_insert);
            triggers.map(move |trigger| (&moved.table.id, trigger))
        });
        let relinked = self.detached.iter().flat_map(|child| {
            let triggers = child.triggers.iter();
            triggers.map(move |trigger| (&child.table, trigger))
        });
        let all = inserted.chain(relinked);
        all.filter(|(table, trigger)| self.acts(table, trigger))
            .collect()
    }

    /// The triggers that may have changed what was restored: those of [`acting`](Self::acting), and those that fire when a
    /// restored row is updated.
    pub fn suspects(&self) -> Vec<(&TableId, &RowTrigger)> {
        let mut all = self.acting();
        for moved in &self.tables {
            let updated = moved.table.row_triggers.iter();
            let updated =
                updated.filter(|t| t.on_update && !t.on_insert && self.acts(&moved.table.id, t));
            all.extend(updated.map(|trigger| (&moved.table.id, trigger)));
        }
        all
    }

    /// Whether the trigger of a table fires. Only the root and the table itself surely move with it: an archival need not have rows
    /// of another table that suspends the trigger.
    fn acts(&self, table: &TableId, trigger: &RowTrigger) -> bool {
        let root = self.tables.first().map(|moved| moved.table.id.oid);
        let moves = |oid: i64| oid == table.oid || Some(oid) == root;
        !trigger.ours && !trigger.suspended_while.iter().copied().any(moves)
    }

    /// Whether archived rows may violate a constraint of their table, since it is NOT VALID.
    pub fn has_unvalidated_constraint(&self) -> bool {
        let mut tables = self.tables.iter();
        tables.any(|moved| !moved.table.unvalidated.is_empty())
    }
}

impl From<&Plan> for RestorePlan {
    fn from(plan: &Plan) -> Self {
        Self {
            freshness: plan.freshness.clone(),
            tables: plan.nodes.iter().map(|node| node.moved.clone()).collect(),
            detached: plan.detached.clone(),
        }
    }
}
