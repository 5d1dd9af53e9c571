//! What must be true of a history table before a version is written. What is not understood is refused.

use sea_orm_archive_postgres::catalog::{Column, Exclusion, Table};
use sea_orm_archive_postgres::ident::quote;

use super::entity::{History, ValidTime};
use super::names::Names;

/// Everything that must be true before a version is written. What is not understood is refused.
pub(super) fn problems<E: History>(table: &Table, names: &Names) -> Vec<String> {
    let id = &table.id;
    let mut problems = Vec::new();
    if !matches!(table.kind.as_str(), "r" | "p") || table.has_inheritors || table.has_rules {
        problems.push(format!(
            "{id} must be a plain table, without rewrite rules and without tables that inherit from it"
        ));
    }
    if table.key.is_empty() {
        problems.push(format!("{id} has no primary key: add one"));
    }
    problems.extend(column_problems::<E>(table, names));
    if let Some(column) = table
        .columns
        .iter()
        .find(|c| c.name.starts_with("archive."))
    {
        problems.push(format!(
            "{id} has a column {}, which is what our statements call theirs: rename it",
            column.name
        ));
    }
    if !table.exclusions.iter().any(|x| guards::<E>(x, names)) {
        let only = names.recorded.as_ref().map_or(String::new(), |(_, to)| {
            format!(" WHERE ({} IS NULL)", quote(to))
        });
        let identity: Vec<_> = names.identity.iter().map(|name| quote(name)).collect();
        problems.push(format!(
            "nothing keeps two versions of one identity apart: call manager.create_history_table(..) in a migration, or add EXCLUDE USING gist ({} WITH =, {}({}, {}) WITH &&){only}",
            identity.join(" WITH =, "),
            E::Time::RANGE,
            quote(&names.valid_from),
            quote(&names.valid_to),
        ));
    }
    problems
}

fn column_problems<E: History>(table: &Table, names: &Names) -> Vec<String> {
    let id = &table.id;
    let mut problems = Vec::new();
    let mut has = |name: &str, sql_type: Option<&str>, not_null: Option<bool>| match table
        .column(name)
    {
        None => problems.push(format!("{id} has no column {name}")),
        Some(column) => {
            if sql_type.is_some() && column.type_modifier != -1 {
                problems.push(format!(
                    "the column {name} of {id} is {}, which rounds times away from those that are asked for: make it timestamptz",
                    column.sql_type
                ));
            }
            if sql_type.is_some_and(|wanted| !is_type(column, wanted)) {
                problems.push(format!(
                    "the column {name} of {id} is {} and the entity has {}",
                    column.sql_type,
                    sql_type.unwrap_or_default(),
                ));
            }
            match not_null {
                Some(true) if !column.not_null => {
                    problems.push(format!(
                        "the column {name} of {id} may be NULL: make it NOT NULL"
                    ));
                }
                Some(false) if column.not_null => {
                    problems.push(format!(
                        "the column {name} of {id} is NOT NULL: without NULL no version is open"
                    ));
                }
                _ => {}
            }
        }
    };
    for name in &names.identity {
        has(name, None, Some(true));
    }
    has(&names.valid_from, Some(E::Time::SQL_TYPE), Some(true));
    has(&names.valid_to, Some(E::Time::SQL_TYPE), Some(false));
    if let Some((from, to)) = &names.recorded {
        has(from, Some("timestamptz"), Some(true));
        has(to, Some("timestamptz"), Some(false));
    }
    if let Some(name) = &names.recorded_by {
        has(name, None, None);
    }
    problems
}

/// By oid: 1184 is `timestamptz` of any precision, 1082 is `date`.
fn is_type(column: &Column, wanted: &str) -> bool {
    column.type_oid == if wanted == "date" { 1082 } else { 1184 }
}

/// Whether the constraint keeps every two current versions of one identity apart.
pub(super) fn guards<E: History>(constraint: &Exclusion, names: &Names) -> bool {
    let mut equal = constraint.equal.clone();
    let mut identity = names.identity.clone();
    equal.sort();
    identity.sort();
    let [apart] = constraint.apart.as_slice() else {
        return false;
    };
    let everywhere = match (&constraint.only_where, &names.recorded) {
        (None, None) => true,
        // Superseded versions overlap those that took their place.
        (Some(predicate), Some((_, to))) => spelled(to)
            .iter()
            .any(|to| predicate.trim_matches(['(', ')']) == format!("{to} IS NULL")),
        _ => false,
    };
    equal == identity
        && constraint.parts == identity.len() + 1
        && is_period::<E>(apart, names)
        && everywhere
}

/// Whether an expression is the half-open period of a version, in one of the ways that PostgreSQL
/// writes it. Another column in it, or other bounds, would leave versions unguarded.
fn is_period<E: History>(expression: &str, names: &Names) -> bool {
    let infinity = match E::Time::SQL_TYPE {
        "date" => "'infinity'::date",
        _ => "'infinity'::timestamp with time zone",
    };
    spelled(&names.valid_from).iter().any(|from| {
        spelled(&names.valid_to).iter().any(|to| {
            [to.clone(), format!("COALESCE({to}, {infinity})")]
                .iter()
                .flat_map(|to| ["", ", '[)'::text"].map(|bounds| (to, bounds)))
                .any(|(to, bounds)| {
                    expression == format!("{}({from}, {to}{bounds})", E::Time::RANGE)
                })
        })
    })
}

/// A name as PostgreSQL prints it: quoted where it must be.
fn spelled(name: &str) -> [String; 2] {
    [name.to_owned(), quote(name)]
}
