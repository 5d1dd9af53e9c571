//! Where a twin is not what its table needs it to be.

use std::fmt;

use sea_orm_archive::catalog::{Column, Table};

/// One thing that keeps the rows of a table from fitting its twin, or from coming back as they were.
#[derive(Clone, Debug)]
pub(crate) enum Difference {
    /// The twin lacks a column.
    Missing(Column),
    /// The twin has a column that the table does not have.
    Extra(String),
    /// The columns have different types.
    Type { active: Column, twin: Column },
    /// NOT NULL in the one and not in the other; as it is in the table.
    NotNull { column: String, not_null: bool },
    /// The twin would draw or compute the value itself.
    NotPlain(Column),
    /// The primary keys have different columns; as they are in the table.
    Key(Vec<String>),
    /// The twin points at a table whose rows may go.
    ForeignKey(String),
}

/// Compares a table with its twin, which also has the columns `added`.
pub(crate) fn between(active: &Table, twin: &Table, added: &[&str]) -> Vec<Difference> {
    let mut found = Vec::new();
    for column in &active.columns {
        match twin.column(&column.name) {
            None => found.push(Difference::Missing(column.clone())),
            Some(copy) => found.extend(between_columns(column, copy)),
        }
    }
    for column in &twin.columns {
        let name = column.name.as_str();
        if active.column(name).is_none() && !added.contains(&name) {
            found.push(Difference::Extra(column.name.clone()));
        }
    }
    let key = |table: &Table| -> Vec<_> { table.key.iter().map(|c| c.name.clone()).collect() };
    if key(active) != key(twin) {
        found.push(Difference::Key(key(active)));
    }
    let foreign_keys = twin.outgoing.iter();
    found.extend(foreign_keys.map(|foreign_key| Difference::ForeignKey(foreign_key.name.clone())));
    found
}

fn between_columns(active: &Column, twin: &Column) -> Vec<Difference> {
    let mut found = Vec::new();
    if twin.generated || !twin.identity.is_empty() {
        found.push(Difference::NotPlain(twin.clone()));
    }
    if !active.same_type(twin) {
        found.push(Difference::Type {
            active: active.clone(),
            twin: twin.clone(),
        });
    }
    if active.not_null != twin.not_null {
        found.push(Difference::NotNull {
            column: active.name.clone(),
            not_null: active.not_null,
        });
    }
    found
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(column) => {
                write!(
                    f,
                    "it lacks the column \"{}\" {}",
                    column.name, column.sql_type
                )
            }
            Self::Extra(column) => {
                write!(
                    f,
                    "it has a column \"{column}\" that the table does not have"
                )
            }
            Self::Type { active, twin } => write!(
                f,
                "its column \"{}\" is {} and not {}{}",
                twin.name,
                twin.sql_type,
                active.sql_type,
                if active.sql_type == twin.sql_type {
                    " of the same collation and modifier"
                } else {
                    ""
                }
            ),
            Self::NotNull { column, not_null } => write!(
                f,
                "its column \"{column}\" {} NOT NULL",
                if *not_null { "lacks" } else { "is" }
            ),
            Self::NotPlain(column) => write!(
                f,
                "its column \"{}\" is generated or an identity, and so would not keep what is archived",
                column.name
            ),
            Self::Key(columns) => write!(f, "its primary key is not ({})", columns.join(", ")),
            Self::ForeignKey(name) => write!(
                f,
                "it has the foreign key \"{name}\", and an archived row may outlive what it points at"
            ),
        }
    }
}

/// The differences in one line, for an error.
pub(crate) fn list(differences: &[Difference]) -> String {
    let texts: Vec<_> = differences.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
