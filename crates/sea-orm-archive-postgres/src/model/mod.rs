//! The data of a plan: which tables move, by which foreign keys, and what they were when the plan was made.

mod order;

pub use order::sort;

use crate::catalog::{ArchiveTable, ForeignKey, ForeignKeyColumn, KeyColumn, Table, TableId};

/// How the rows of one tree move.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was made from.
    pub basis: Basis,
    /// The tables of the tree, every parent before its children; the root is the first.
    pub nodes: Vec<Node>,
    /// The tables whose rows stay and lose a link.
    pub detached: Vec<DetachedChild>,
    /// The foreign keys whose rows block the archive.
    pub restrictions: Vec<Restriction>,
    /// A trigger of the application could remove the rows that block before the database finds them: they are
    /// counted before anything moves.
    pub counts_restrictions: bool,
}

impl Plan {
    /// The table of the root.
    pub fn root(&self) -> &Moved {
        &self.nodes[0].moved
    }
}

/// What a plan was made from, for the statements to compare with what is there.
#[derive(Clone, Debug, Default)]
pub struct Basis {
    /// The tables, as the entities name them.
    pub names: Vec<String>,
    /// Their fingerprint.
    pub fingerprint: i64,
    /// The names without a schema, and the tables that the `search_path` found for them.
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

/// A table of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// The table with its archive table.
    pub moved: Moved,
    /// The foreign keys by which its rows belong to rows of other tables of the tree.
    pub parents: Vec<Parent>,
    /// The foreign keys by which its rows belong to rows of its own.
    pub loops: Vec<ForeignKey>,
    /// Its rows are found first and deleted by key: they may be reached twice, or a trigger may keep
    /// one from being deleted.
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

/// A table whose rows stay and lose a link.
#[derive(Clone, Debug)]
pub struct DetachedChild {
    /// The table.
    pub table: TableId,
    /// Its primary key.
    pub key: Vec<KeyColumn>,
    /// Its archive table, where the link is put back if the row has been archived since.
    pub archive_table: Option<ArchiveTable>,
    /// The foreign keys whose links are cut.
    pub edges: Vec<Parent>,
    /// The node of the same table: rows that move keep their links.
    pub moved_as: Option<usize>,
    /// The triggers that may skip or change a row whose link is cut or put back.
    pub triggers: Vec<String>,
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
    /// The database would not refuse by itself, or not before the commit.
    pub guarded: bool,
    /// The node of the same table: rows that move are not in the way.
    pub moved_as: Option<usize>,
}

/// How the rows of an archival come back.
#[derive(Clone, Debug)]
pub struct RestorePlan {
    /// What it was made from.
    pub basis: Basis,
    /// The tables, the root's first.
    pub tables: Vec<Moved>,
    /// The tables whose links may have been cut.
    pub detached: Vec<DetachedChild>,
}

impl From<&Plan> for RestorePlan {
    fn from(plan: &Plan) -> Self {
        Self {
            basis: plan.basis.clone(),
            tables: plan.nodes.iter().map(|node| node.moved.clone()).collect(),
            detached: plan.detached.clone(),
        }
    }
}
