//! The requirements on a history before a version is written.

use serde::Deserialize;

use super::finding::Finding;
use crate::catalog::{Column, Exclusion, ForeignKey, Table};
use crate::ident::quote;

/// The columns of a history that have a meaning, by name, and the type of its valid time.
#[derive(Clone, Debug, Deserialize)]
pub struct VersionColumns {
    /// The columns that refer to the table of identities.
    pub identity: Vec<String>,
    /// The column for the start of a version.
    pub valid_from: String,
    /// The column for its end; NULL where it is open.
    pub valid_to: String,
    /// The column for the actor who wrote it.
    pub recorded_by: Option<String>,
    /// The columns for the times when it was written and superseded, where superseded versions are stored.
    pub recorded: Option<(String, String)>,
    /// The type of a period: `tstzrange` or `daterange`.
    pub range: String,
}

impl VersionColumns {
    /// Whether the column is one of these. Any other column is a value or a key.
    pub fn has(&self, name: &str) -> bool {
        self.identity.iter().any(|n| n == name)
            || name == self.valid_from
            || name == self.valid_to
            || self.recorded_by.as_deref() == Some(name)
            || matches!(&self.recorded, Some((from, to)) if name == from || name == to)
    }

    fn sql_type(&self) -> &'static str {
        match self.range.as_str() {
            "daterange" => "date",
            _ => "timestamptz",
        }
    }

    /// Whether a foreign key is from exactly the columns of the identity.
    pub fn is_identity(&self, key: &ForeignKey) -> bool {
        key.columns.len() == self.identity.len()
            && key.columns.iter().all(|c| self.identity.contains(&c.child))
    }

    /// Whether the constraint refuses overlapping current versions of one identity.
    pub fn guards(&self, constraint: &Exclusion) -> bool {
        let mut equal = constraint.equal.clone();
        let mut identity = self.identity.clone();
        equal.sort();
        identity.sort();
        let [apart] = constraint.apart.as_slice() else {
            return false;
        };
        let everywhere = match (&constraint.only_where, &self.recorded) {
            (None, None) => true,
            // Superseded versions overlap the versions that replaced them.
            (Some(predicate), Some((_, to))) => spelled(to)
                .iter()
                .any(|to| predicate.trim_matches(['(', ')']) == format!("{to} IS NULL")),
            _ => false,
        };
        equal == identity
            && constraint.parts == identity.len() + 1
            && self.is_period(apart)
            && everywhere
    }

    /// Whether an expression is the half-open period of a version, in one of the forms that PostgreSQL writes. With another column
    /// or other bounds the constraint would not refuse every overlap.
    fn is_period(&self, expression: &str) -> bool {
        let infinity = match self.sql_type() {
            "date" => "'infinity'::date",
            _ => "'infinity'::timestamp with time zone",
        };
        let range = &self.range;
        spelled(&self.valid_from).iter().any(|from| {
            spelled(&self.valid_to).iter().any(|to| {
                [to.clone(), format!("COALESCE({to}, {infinity})")]
                    .iter()
                    .flat_map(|to| ["", ", '[)'::text"].map(|bounds| (to, bounds)))
                    .any(|(to, bounds)| expression == format!("{range}({from}, {to}{bounds})"))
            })
        })
    }
}

/// Everything that prevents versions from being written to `table`.
pub fn history_findings(table: &Table, names: &VersionColumns) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut report = |problem: String, remedy: &str| {
        found.push(Finding::new(&table.id, problem, remedy));
    };
    if !matches!(table.kind.as_str(), "r" | "p") || table.has_inheritors || table.has_rules {
        report(
            "is not a plain table, or has rewrite rules or tables that inherit from it".to_owned(),
            "drop the rules, and let no table inherit from it",
        );
    }
    if table.key.is_empty() {
        report("has no primary key".to_owned(), "add one");
    }
    let own = |c: &&Column| c.name.starts_with("archive.");
    if let Some(column) = table.columns.iter().find(own) {
        let problem = format!(
            "has a column {}, a name that the statements of sea-orm-archive use",
            column.name
        );
        report(problem, "rename it");
    }
    let identities = table.outgoing.iter().filter(|key| names.is_identity(key));
    let identity = names.identity.join(", ");
    match identities.count() {
        1 => {}
        0 => report(
            format!(
                "has no foreign key from ({identity}) to a table of identities, whose rows a change must lock"
            ),
            "call manager.create_history_table(..) in a migration, or add one",
        ),
        _ => report(
            format!("has several foreign keys from ({identity})"),
            "drop all but the one to the table of identities",
        ),
    }
    found.extend(columns(table, names));
    if !table.exclusions.iter().any(|x| names.guards(x)) {
        found.push(unguarded(table, names));
    }
    found
}

fn unguarded(table: &Table, names: &VersionColumns) -> Finding {
    let only = names.recorded.as_ref().map_or(String::new(), |(_, to)| {
        format!(" WHERE ({} IS NULL)", quote(to))
    });
    let identity: Vec<_> = names.identity.iter().map(|name| quote(name)).collect();
    let remedy = format!(
        "call manager.create_history_table(..) in a migration, or add EXCLUDE USING gist ({} WITH =, {}({}, {}) WITH &&){only}",
        identity.join(" WITH =, "),
        names.range,
        quote(&names.valid_from),
        quote(&names.valid_to),
    );
    let problem = "has no constraint that refuses overlapping versions of one identity";
    Finding::new(&table.id, problem, remedy)
}

fn columns(table: &Table, names: &VersionColumns) -> Vec<Finding> {
    let mut found = Vec::new();
    let time = Some(names.sql_type());
    for name in &names.identity {
        found.extend(column(table, name, None, Some(true)));
    }
    found.extend(column(table, &names.valid_from, time, Some(true)));
    found.extend(column(table, &names.valid_to, time, Some(false)));
    if let Some((from, to)) = &names.recorded {
        found.extend(column(table, from, Some("timestamptz"), Some(true)));
        found.extend(column(table, to, Some("timestamptz"), Some(false)));
    }
    if let Some(name) = &names.recorded_by {
        found.extend(column(table, name, None, None));
    }
    found
}

fn column(
    table: &Table,
    name: &str,
    sql_type: Option<&str>,
    not_null: Option<bool>,
) -> Vec<Finding> {
    let report = |problem: String, remedy: &str| Finding::new(&table.id, problem, remedy);
    let Some(column) = table.column(name) else {
        return vec![report(
            format!("has no column {name}"),
            "add it again, or rename it back",
        )];
    };
    let mut found = Vec::new();
    if let Some(wanted) = sql_type {
        if column.type_modifier != -1 {
            let problem = format!(
                "has a column {name} of {}, which rounds the times that are written",
                column.sql_type
            );
            found.push(report(problem, "make it timestamptz"));
        }
        if !is_type(column, wanted) {
            let problem = format!(
                "has a column {name} of {}, and not {wanted}",
                column.sql_type
            );
            found.push(report(problem, "change its type"));
        }
    }
    let nullable = format!("has a column {name} that may be NULL");
    let open = format!("has a column {name} that is NOT NULL, so no version is open");
    match (not_null, column.not_null) {
        (Some(true), false) => found.push(report(nullable, "make it NOT NULL")),
        (Some(false), true) => found.push(report(open, "let it be NULL")),
        _ => {}
    }
    found
}

/// By oid: 1184 is `timestamptz` of any precision, 1082 is `date`.
fn is_type(column: &Column, wanted: &str) -> bool {
    column.type_oid == if wanted == "date" { 1082 } else { 1184 }
}

/// A name as PostgreSQL may print it: unquoted or quoted.
fn spelled(name: &str) -> [String; 2] {
    [name.to_owned(), quote(name)]
}
