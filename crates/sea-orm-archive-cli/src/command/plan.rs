//! `plan`: the tables below a table, and what their foreign keys do.

use std::collections::BTreeSet;

use sea_orm_archive::catalog;
use sea_orm_archive_postgres::catalog::{OnDelete, Table};
use serde_json::{Value as Json, json};

use super::Session;
use crate::answer::Answer;
use crate::args::{Drawing, Plan};
use crate::failure::Failure;
use crate::query::registered;

/// A table of the tree.
struct Node {
    depth: usize,
    table: String,
    /// The foreign key to the table above: its columns, and what a delete of the parent does.
    edge: Option<(String, OnDelete)>,
    is_archived: bool,
    /// The columns of the foreign key are the first of an index.
    triggers: Vec<String>,
    /// It is higher up in the tree, too, and its own tree is there.
    is_repeated: bool,
}

impl Node {
    /// What an archive of the table above does with its rows.
    fn effect(&self) -> &'static str {
        match (&self.edge, self.is_archived) {
            (None, _) => "the root",
            (Some(_), true) => "archived with it where the entity declares cascade",
            (Some((_, OnDelete::SetNull | OnDelete::SetDefault)), false) => {
                "stays and loses its link where the entity declares detach; otherwise an archive is refused"
            }
            (Some((_, OnDelete::Cascade)), false) => "has no archive table: an archive is refused",
            (Some(_), false) => "blocks an archive while it has rows",
        }
    }
}

pub(super) async fn run(session: &Session, options: &Plan) -> Result<Answer, Failure> {
    let root = registered(&session.db, &options.table).await?;
    let mut nodes = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![(0, root.table.clone(), None)];
    while let Some((depth, name, edge)) = open.pop() {
        let table = describe(session, &name).await?;
        let is_repeated = !seen.insert(name.clone());
        if !is_repeated {
            for key in table
                .incoming
                .iter()
                .rev()
                .filter(|key| key.child.sql() != name)
            {
                open.push((
                    depth + 1,
                    key.child.sql(),
                    Some((key.edge(), key.on_delete)),
                ));
            }
        }
        nodes.push(Node {
            depth,
            table: table.id.to_string(),
            edge,
            is_archived: table.archive_table.is_some(),
            triggers: table
                .row_triggers
                .iter()
                .filter(|trigger| !trigger.ours)
                .map(|trigger| trigger.name.clone())
                .collect(),
            is_repeated,
        });
    }
    let text = match options.format {
        Drawing::Text => nodes.iter().map(line).collect::<Vec<_>>().join("\n"),
        Drawing::Mermaid => mermaid(&nodes),
        Drawing::Svg => svg(&nodes),
    };
    let tables: Vec<Json> = nodes
        .iter()
        .map(|node| {
            json!({"table": node.table, "depth": node.depth, "foreign_key": node.edge.as_ref().map(|edge| &edge.0), "on_delete": node.edge.as_ref().map(|edge| on_delete(edge.1)),
                   "has_archive_table": node.is_archived, "triggers": node.triggers, "effect": node.effect()})
        })
        .collect();
    Ok(Answer::new(text, json!({ "tables": tables })))
}

async fn describe(session: &Session, name: &str) -> Result<Table, Failure> {
    let described = catalog::read(&session.db, &[name.to_owned()]).await?;
    described
        .into_iter()
        .next()
        .flatten()
        .ok_or_else(|| Failure::NotFound(format!("table {name}")))
}

fn on_delete(action: OnDelete) -> &'static str {
    match action {
        OnDelete::NoAction => "NO ACTION",
        OnDelete::Restrict => "RESTRICT",
        OnDelete::Cascade => "CASCADE",
        OnDelete::SetNull => "SET NULL",
        OnDelete::SetDefault => "SET DEFAULT",
    }
}

fn line(node: &Node) -> String {
    let indent = "    ".repeat(node.depth);
    let edge = node
        .edge
        .as_ref()
        .map_or(String::new(), |(columns, action)| {
            format!(" ({columns}) ON DELETE {}", on_delete(*action))
        });
    let triggers = match node.triggers.is_empty() {
        true => String::new(),
        false => format!("\n{indent}    triggers: {}", node.triggers.join(", ")),
    };
    let again = if node.is_repeated { " (see above)" } else { "" };
    format!(
        "{indent}{}{edge}: {}{again}{triggers}",
        node.table,
        node.effect()
    )
}

/// The place in `nodes` of the table above each of them.
fn parents(nodes: &[Node]) -> Vec<Option<usize>> {
    (0..nodes.len())
        .map(|place| {
            (0..place)
                .rev()
                .find(|above| nodes[*above].depth + 1 == nodes[place].depth)
        })
        .collect()
}

fn mermaid(nodes: &[Node]) -> String {
    let mut text = vec!["flowchart TD".to_owned()];
    for (place, (node, above)) in nodes.iter().zip(parents(nodes)).enumerate() {
        text.push(format!("    t{place}[\"{}\"]", node.table));
        if let (Some(above), Some((columns, action))) = (above, &node.edge) {
            text.push(format!(
                "    t{above} -->|\"{columns} ON DELETE {}\"| t{place}",
                on_delete(*action)
            ));
        }
    }
    text.join("\n")
}

fn svg(nodes: &[Node]) -> String {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let (row, step) = (36, 28);
    let left = |node: &Node| 12 + node.depth * step;
    let width = nodes
        .iter()
        .map(|node| left(node) + 8 * (node.table.len() + node.effect().len() + 40))
        .max()
        .unwrap_or(200);
    let mut text = vec![format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{}\" font-family=\"monospace\" font-size=\"13\">",
        nodes.len() * row + 16
    )];
    for (place, (node, above)) in nodes.iter().zip(parents(nodes)).enumerate() {
        let (x, y) = (left(node), place * row + 24);
        if let Some(above) = above {
            let (from_x, from_y) = (left(&nodes[above]) + 6, above * row + 30);
            text.push(format!(
                "<path d=\"M{from_x} {from_y} V{y} H{}\" fill=\"none\" stroke=\"gray\"/>",
                x - 4
            ));
        }
        let edge = node
            .edge
            .as_ref()
            .map_or(String::new(), |(columns, action)| {
                format!(" ({columns}) ON DELETE {}", on_delete(*action))
            });
        text.push(format!(
            "<text x=\"{x}\" y=\"{}\"><tspan font-weight=\"bold\">{}</tspan>{}: {}</text>",
            y + 4,
            escape(&node.table),
            escape(&edge),
            node.effect()
        ));
    }
    text.push("</svg>".to_owned());
    text.join("\n")
}
