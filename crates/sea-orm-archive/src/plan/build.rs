//! Builds a plan.

use std::collections::{HashMap, VecDeque};

use sea_orm::ConnectionTrait;
use sea_orm_archive_postgres::catalog::{ForeignKey, Table};
use sea_orm_archive_postgres::compare::{
    Difference, Finding, archive_table_findings, hidden_rows, link_findings, not_enforced,
    unfollowed_links, unfollowed_parents,
};
use sea_orm_archive_postgres::model::{
    DetachedChild, Freshness, Moved, Node, Parent, Plan, Restriction, sort,
};

use super::registration;
use crate::catalog;
use crate::entity::{Declaration, DeclaredEdge, DeclaredName, Policy};
use crate::error::UndeclaredEdge;
use crate::error::{DriftError, Error};

/// Reads the catalog and joins it with the declaration. Two statements, and two more where a detached child has
/// an archive table of its own.
pub(crate) async fn build<C: ConnectionTrait>(
    db: &C,
    declaration: Declaration,
) -> Result<Plan, Error> {
    let declarations = with_children(declaration);
    let mut names = names(&declarations);
    let (freshness, found) = loop {
        let quoted: Vec<String> = names.iter().map(DeclaredName::quoted).collect();
        // Race: a change between the two statements. The fingerprint is read first, so it is too old then, and
        // the plan is refused when it is used. In the other order the change would not be detected.
        let fingerprint = catalog::fingerprint(db, &quoted).await?;
        let tables = catalog::read(db, &quoted).await?;
        let resolved = names
            .iter()
            .zip(&tables)
            .filter(|(name, _)| name.schema.is_none())
            .filter_map(|(name, table)| Some((name.quoted(), table.as_ref()?.id.oid)))
            .collect();
        let freshness = Freshness {
            names: quoted,
            fingerprint,
            resolved,
        };
        let found: HashMap<_, _> = names
            .iter()
            .cloned()
            .zip(tables)
            .filter_map(|(n, t)| Some((n, t?)))
            .collect();
        let more = archive_tables_of_children(&found);
        if more.is_empty() {
            break (freshness, found);
        }
        names.extend(more);
    };
    Builder {
        declarations,
        found,
        problems: Vec::new(),
        undeclared: Vec::new(),
    }
    .plan(freshness)
}

/// The declarations of all tables that are archived with the first.
fn with_children(root: Declaration) -> Vec<Declaration> {
    let mut all: Vec<Declaration> = Vec::new();
    let mut queue = VecDeque::from([root]);
    while let Some(declaration) = queue.pop_front() {
        if all.iter().any(|known| known.table == declaration.table) {
            continue;
        }
        queue.extend(
            declaration
                .edges
                .iter()
                .filter_map(|e| Some(e.child_declaration?())),
        );
        all.push(declaration);
    }
    all
}

/// Every table that the declarations name.
fn names(declarations: &[Declaration]) -> Vec<DeclaredName> {
    let mut names: Vec<DeclaredName> = Vec::new();
    for declaration in declarations {
        let children = declaration.edges.iter().map(|edge| &edge.child);
        for name in [&declaration.table, &declaration.archive_table]
            .into_iter()
            .chain(children)
        {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}

/// The archive tables of children that are not part of the tree: rows there lose their link too.
fn archive_tables_of_children(found: &HashMap<DeclaredName, Table>) -> Vec<DeclaredName> {
    let known = |oid: i64| found.values().any(|table| table.id.oid == oid);
    let archive_tables = found
        .values()
        .filter_map(|table| table.archive_table.as_ref());
    archive_tables
        .filter(|archive_table| !known(archive_table.id.oid))
        .map(|archive_table| DeclaredName {
            schema: Some(archive_table.id.schema.clone()),
            table: archive_table.id.table.clone(),
        })
        .collect()
}

struct Builder {
    declarations: Vec<Declaration>,
    found: HashMap<DeclaredName, Table>,
    problems: Vec<String>,
    undeclared: Vec<UndeclaredEdge>,
}

impl Builder {
    fn plan(mut self, freshness: Freshness) -> Result<Plan, Error> {
        let title = self.declarations[0].table.to_string();
        let declarations = std::mem::take(&mut self.declarations);
        let mut nodes: Vec<Node> = declarations.iter().filter_map(|d| self.node(d)).collect();
        if nodes.len() < declarations.len() {
            return Err(Error::Drift(DriftError::Schema {
                table: title,
                problems: self.problems,
            }));
        }
        let mut edges = Vec::new();
        for (parent, declaration) in declarations.iter().enumerate() {
            edges.extend(self.edges(parent, declaration, &nodes));
        }
        for (parent, key, policy) in &edges {
            if *policy == Some(Policy::Cascade) {
                connect(&mut nodes, *parent, key);
            }
        }
        let title = nodes[0].moved.table.id.to_string();
        let found: HashMap<i64, Table> = self
            .found
            .drain()
            .map(|(_, table)| (table.id.oid, table))
            .collect();
        for node in &nodes {
            self.report(unfollowed_parents(&node.moved.table.outgoing));
        }
        for (parent, key, policy) in &edges {
            if *policy == Some(Policy::Detach) {
                let parent = &nodes[*parent].moved.table.id;
                self.report(unfollowed_links(key, parent));
                let child = found.get(&key.child.oid);
                let archived =
                    child.and_then(|c| Some((c, found.get(&c.archive_table.as_ref()?.id.oid)?)));
                if let Some((child, archive)) = archived {
                    self.report(link_findings(key, child, archive));
                }
            }
        }
        if !self.problems.is_empty() {
            return Err(Error::Drift(DriftError::Schema {
                table: title,
                problems: self.problems,
            }));
        }
        if !self.undeclared.is_empty() {
            return Err(Error::Drift(DriftError::UndeclaredEdges {
                table: title,
                edges: self.undeclared,
            }));
        }
        finish(freshness, nodes, edges, &found, title)
    }

    fn report(&mut self, found: impl IntoIterator<Item = Finding>) {
        let found = found.into_iter();
        self.problems
            .extend(found.map(|finding| finding.to_string()));
    }

    /// The node of a declared table; `None`, with a problem, where a table is missing.
    fn node(&mut self, declaration: &Declaration) -> Option<Node> {
        let table = self.existing(&declaration.table)?;
        let archive_table = self.found.get(&declaration.archive_table).cloned();
        let (Some(archive_table), Some(registered)) = (archive_table, table.archive_table.clone())
        else {
            self.problems.push(format!(
                "{} has no archive table {}: call manager.archive_existing_table({:?}) in a migration",
                table.id,
                declaration.archive_table.quoted(),
                table.id.table
            ));
            return None;
        };
        self.report(registration::registration(
            declaration,
            &table,
            &archive_table,
        ));
        self.report(archive_table_findings(
            &table,
            &archive_table,
            &registered,
            Difference::stops_moves,
        ));
        let deleted_by = archive_table.column(&registered.deleted_by)?;
        let moved = Moved {
            table,
            archive_table: registered,
            deleted_by_type: deleted_by.sql_type.clone(),
        };
        self.report(hidden_rows(&moved.table.incoming));
        Some(Node {
            moved,
            parents: Vec::new(),
            loops: Vec::new(),
            claimed: false,
            locked: false,
        })
    }

    fn existing(&mut self, name: &DeclaredName) -> Option<Table> {
        let table = self.found.get(name).cloned();
        if table.is_none() {
            self.problems.push(format!(
                "there is no table {}: run the migrations, or check the search_path",
                name.quoted()
            ));
        }
        table
    }

    /// The policy of each foreign key that refers to the table of a node.
    fn edges(
        &mut self,
        parent: usize,
        declaration: &Declaration,
        nodes: &[Node],
    ) -> Vec<(usize, ForeignKey, Option<Policy>)> {
        let table = nodes[parent].moved.table.clone();
        for edge in &declaration.edges {
            self.check_declared(&table, edge);
        }
        let mut edges = Vec::new();
        for key in &table.incoming {
            let declared = declaration
                .edges
                .iter()
                .find(|edge| self.matches(edge, key));
            match declared.map(|edge| edge.policy) {
                None if !key.on_delete.refuses() => self.undeclared.push(UndeclaredEdge {
                    constraint: key.name.clone(),
                    child: key.to_string(),
                    parent: table.id.to_string(),
                    on_delete: key.on_delete.to_string(),
                }),
                policy => edges.push((parent, key.clone(), policy)),
            }
        }
        edges
    }

    fn oid(&self, name: &DeclaredName) -> Option<i64> {
        self.found.get(name).map(|table| table.id.oid)
    }

    fn matches(&self, edge: &DeclaredEdge, key: &ForeignKey) -> bool {
        let pairs = edge.child_columns.iter().zip(&edge.parent_columns);
        self.found
            .get(&edge.child)
            .is_some_and(|child| child.id.oid == key.child.oid)
            && edge.child_columns.len() == key.columns.len()
            && pairs.clone().all(|(child, parent)| {
                key.columns
                    .iter()
                    .any(|c| c.child == *child && c.parent == *parent)
            })
    }

    /// A declared edge must be a foreign key: without one, a child can be inserted while its parent is archived.
    fn check_declared(&mut self, table: &Table, edge: &DeclaredEdge) {
        let Some(child) = self.existing(&edge.child) else {
            return;
        };
        let what = format!("{}({})", child.id, edge.child_columns.join(", "));
        let Some(key) = table.incoming.iter().find(|key| self.matches(edge, key)) else {
            if let Some(key) = table
                .not_enforced
                .iter()
                .find(|key| self.matches(edge, key))
            {
                self.report([not_enforced(edge.name, key)]);
                return;
            }
            self.problems.push(format!(
                "`{}` is declared, but no foreign key from {what} refers to {}({}): add one to the database",
                edge.name,
                table.id,
                edge.parent_columns.join(", ")
            ));
            return;
        };
        let archived = edge.child_declaration.map(|child| child().table);
        if let Some(other) = archived.filter(|other| self.oid(other) != Some(child.id.oid)) {
            self.problems.push(format!(
                "`{}` is declared cascade to {}, but the foreign key is in {}: name the entity of that table",
                edge.name,
                other.quoted(),
                child.id
            ));
        }
        if edge.policy == Policy::Detach {
            if DetachedChild::nulled(key).next().is_none() {
                self.problems.push(format!(
                    "`{}` is declared detach, but {what} is NOT NULL: allow NULL there, or declare cascade or restrict",
                    edge.name
                ));
            }
            if key.child_key.is_none() {
                self.problems.push(format!(
                    "`{}` is declared detach, but {} has no primary key to remember the link by: add one",
                    edge.name, child.id
                ));
            }
        }
    }
}

/// Adds the table with the foreign key to the children of `parent`.
fn connect(nodes: &mut [Node], parent: usize, key: &ForeignKey) {
    let child = nodes
        .iter()
        .position(|n| n.moved.table.id.oid == key.child.oid);
    match child {
        Some(child) if child == parent => nodes[child].loops.push(key.clone()),
        Some(child) => nodes[child].parents.push(Parent {
            node: parent,
            key: key.clone(),
        }),
        // The child of a cascade has a declaration, so it has a node.
        None => {}
    }
}

/// Sorts the nodes, and determines what is locked, claimed, detached and restricted.
fn finish(
    freshness: Freshness,
    nodes: Vec<Node>,
    edges: Vec<(usize, ForeignKey, Option<Policy>)>,
    found: &HashMap<i64, Table>,
    table: String,
) -> Result<Plan, Error> {
    let oids: Vec<i64> = nodes.iter().map(|n| n.moved.table.id.oid).collect();
    let mut nodes = sort(nodes).map_err(|tables| Error::Drift(DriftError::Schema {
        table,
        problems: vec![format!(
            "the tables {} cascade to each other in a circle: declare one of those relations restrict or detach",
            tables.join(", ")
        )],
    }))?;
    let at = |oid: i64| nodes.iter().position(|n| n.moved.table.id.oid == oid);
    let (mut detached, mut restrictions) = (Vec::<DetachedChild>::new(), Vec::new());
    let mut must_lock = Vec::new();
    for (parent, key, policy) in edges {
        let Some(node) = at(oids[parent]) else {
            continue;
        };
        let moved_as = at(key.child.oid);
        if policy.is_some_and(|p| p != Policy::Restrict) || !key.on_delete.refuses() {
            must_lock.push(node);
        }
        match policy {
            Some(Policy::Cascade) => {}
            Some(Policy::Detach) => detach(&mut detached, found, Parent { node, key }, moved_as),
            Some(Policy::Restrict) | None => restrictions.push(Restriction {
                node,
                guarded: !key.on_delete.refuses() || key.deferrable,
                key,
                moved_as,
            }),
        }
    }
    let counts_restrictions = !restrictions.is_empty() && has_triggers(&nodes, &detached, found);
    if counts_restrictions {
        // Race: a row that blocks is inserted after the count. The parent is locked, so the insert waits. A row that
        // moves itself is locked too, or it could stay after it was counted as moving.
        let children = restrictions.iter().filter_map(|r| r.moved_as);
        must_lock.extend(restrictions.iter().map(|r| r.node).chain(children));
    }
    let may_be_found_twice = |n: &Node| n.parents.len() > 1 || !n.loops.is_empty();
    for (n, node) in nodes.iter_mut().enumerate() {
        node.claimed = may_be_found_twice(node) || node.moved.table.intercepts_delete().is_some();
        node.locked = node.claimed || must_lock.contains(&n);
    }
    Ok(Plan {
        freshness,
        nodes,
        detached,
        restrictions,
        counts_restrictions,
    })
}

/// Whether the move fires a trigger of the application: on the tables of the tree, their archive tables, or those
/// whose rows lose a link.
fn has_triggers(nodes: &[Node], detached: &[DetachedChild], found: &HashMap<i64, Table>) -> bool {
    let table = |oid: i64| found.get(&oid);
    nodes.iter().any(|node| {
        let archive_table = table(node.moved.archive_table.id.oid);
        node.moved.table.acts_on_delete() || archive_table.is_some_and(Table::acts_on_insert)
    }) || detached.iter().any(|child| {
        let archive_table = child
            .archive_table
            .as_ref()
            .and_then(|archive_table| table(archive_table.id.oid));
        let tables = [table(child.table.oid), archive_table];
        tables.into_iter().flatten().any(Table::acts_on_update)
    })
}

fn detach(
    all: &mut Vec<DetachedChild>,
    found: &HashMap<i64, Table>,
    edge: Parent,
    moved_as: Option<usize>,
) {
    let table = edge.key.child.clone();
    match all.iter_mut().find(|child| child.table.oid == table.oid) {
        // Two foreign keys over the same columns have one link.
        Some(child)
            if child
                .edges
                .iter()
                .any(|e| e.node == edge.node && e.key.edge() == edge.key.edge()) => {}
        Some(child) => child.edges.push(edge),
        None => all.push(DetachedChild {
            key: edge.key.child_key.clone().unwrap_or_default(),
            archive_table: found.get(&table.oid).and_then(|t| t.archive_table.clone()),
            is_constrained: found.get(&table.oid).is_some_and(Table::is_constrained),
            triggers: found
                .get(&table.oid)
                .map(Table::triggers_on_update)
                .unwrap_or_default(),
            table,
            edges: vec![edge],
            moved_as,
        }),
    }
}
