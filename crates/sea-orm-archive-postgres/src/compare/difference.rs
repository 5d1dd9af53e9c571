//! The differences between an archive table and what its table needs. The migration helpers, which adopt and sync archive
//! tables, and the check before a row moves use the same rules.

use std::fmt;

use super::finding::Finding;
use crate::catalog::{Column, Table, TableId};

/// A difference that prevents rows of a table from being stored in its archive table, from staying there, or from being restored
/// unchanged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Difference {
    /// The archive table is not a plain table, nor partitioned by the ids of archivals: it is partitioned otherwise, foreign, a view
    /// or a partition.
    Kind,
    /// A crash would empty the archive table, or the end of a session would drop it.
    Persistence,
    /// The archive table inherits from a table, or another one inherits from it.
    Inheritance,
    /// The archive table has rewrite rules.
    Rules,
    /// The archive table lacks a column.
    Missing(Column),
    /// The archive table has a column that the table does not have.
    Extra(String),
    /// The columns have different types.
    Type {
        /// In the table.
        active: Column,
        /// In the archive table.
        archived: Column,
    },
    /// The column is NOT NULL in only one of the two tables.
    NotNull {
        /// The column.
        column: String,
        /// Whether it is NOT NULL in the table.
        not_null: bool,
    },
    /// The archive table would draw or compute the value of the column.
    NotPlain(Column),
    /// The primary key of the archive table has other columns than these.
    Key(Vec<String>),
    /// The archive table has a foreign key: the rows that it refers to may be deleted.
    ForeignKey(String),
    /// A foreign key, with the table that has it, refers to the archive table: a restore deletes the rows there.
    Referenced(String),
    /// A CHECK constraint could refuse an archived row.
    Check(String),
    /// A unique index or exclusion constraint could refuse an archived row.
    Unique(String),
    /// A trigger could drop or change a row.
    Trigger(String),
    /// Row-level security is enabled for the table, and not for the archive table.
    RowSecurity,
}

/// Compares a table with its archive table, which also has the columns `added`.
///
/// The table itself may be UNLOGGED: its creator accepted that a crash may lose its rows. Its archive table may not, since a crash
/// would lose rows that were archived from a logged table.
pub fn differences(active: &Table, archive: &Table, added: &[&str]) -> Vec<Difference> {
    let mut found = Vec::new();
    let archival_id = added.last().copied();
    let is_partitioned = archive.is_partitioned() && archive.range_column.as_deref() == archival_id;
    if !(archive.kind == "r" || is_partitioned) || archive.is_partition {
        found.push(Difference::Kind);
    } else if archive.has_inheritors || archive.inherits {
        found.push(Difference::Inheritance);
    }
    if archive.persistence != "p" {
        found.push(Difference::Persistence);
    }
    if archive.has_rules {
        found.push(Difference::Rules);
    }
    // A column of the table with the name of an added one is another problem.
    let own = active.columns.iter();
    for column in own.filter(|column| !added.contains(&column.name.as_str())) {
        match archive.column(&column.name) {
            None => found.push(Difference::Missing(column.clone())),
            Some(copy) => found.extend(between_columns(column, copy)),
        }
    }
    for column in &archive.columns {
        let name = column.name.as_str();
        if active.column(name).is_none() && !added.contains(&name) {
            found.push(Difference::Extra(column.name.clone()));
        }
        if column.generated || !column.identity.is_empty() {
            found.push(Difference::NotPlain(column.clone()));
        }
    }
    let key = |table: &Table| -> Vec<_> { table.key.iter().map(|c| c.name.clone()).collect() };
    let mut wanted = key(active);
    if archive.is_partitioned() {
        // PostgreSQL requires it in the key. emit/partitions.rs checks that the rest of the key is unique.
        wanted.extend(archival_id.map(str::to_owned));
    }
    if wanted != key(archive) {
        found.push(Difference::Key(wanted));
    }
    found.extend(constraints(archive));
    let triggers = archive.row_triggers.iter();
    let intercepting = triggers.filter(|t| t.before_insert || t.before_update || t.before_delete);
    found.extend(intercepting.map(|trigger| Difference::Trigger(trigger.name.clone())));
    if active.row_security && !archive.row_security {
        found.push(Difference::RowSecurity);
    }
    found
}

fn between_columns(active: &Column, archived: &Column) -> Vec<Difference> {
    let mut found = Vec::new();
    if !active.same_type(archived) {
        found.push(Difference::Type {
            active: active.clone(),
            archived: archived.clone(),
        });
    }
    if active.not_null != archived.not_null {
        found.push(Difference::NotNull {
            column: active.name.clone(),
            not_null: active.not_null,
        });
    }
    found
}

fn constraints(archive: &Table) -> impl Iterator<Item = Difference> {
    let outgoing = archive.outgoing.iter();
    let incoming = archive.incoming.iter();
    let checks = archive.checks.iter().cloned();
    let uniques = archive.unique_indexes.iter().cloned();
    outgoing
        .map(|key| Difference::ForeignKey(key.name.clone()))
        .chain(incoming.map(|key| Difference::Referenced(format!("{} of {}", key.name, key.child))))
        .chain(checks.map(Difference::Check))
        .chain(uniques.map(Difference::Unique))
}

impl Difference {
    /// Whether no row may move with this difference. Only a NOT NULL that the archive table lacks refuses no row.
    pub fn stops_moves(&self) -> bool {
        !matches!(self, Self::NotNull { not_null: true, .. })
    }

    /// Whether `sync_archived_table` corrects it.
    pub fn is_synced(&self) -> bool {
        match self {
            Self::Persistence
            | Self::Missing(_)
            | Self::Extra(_)
            | Self::Type { .. }
            | Self::NotNull { .. }
            | Self::NotPlain(_)
            | Self::Key(_)
            | Self::ForeignKey(_)
            | Self::RowSecurity => true,
            Self::Kind
            | Self::Inheritance
            | Self::Rules
            | Self::Referenced(_)
            | Self::Check(_)
            | Self::Unique(_)
            | Self::Trigger(_) => false,
        }
    }

    /// The difference as a finding about `archive`.
    pub fn finding(&self, active: &TableId, archive: &TableId) -> Finding {
        let problem = format!("does not fit {active}: {self}");
        Finding::new(archive, problem, self.remedy(active, archive))
    }

    fn remedy(&self, active: &TableId, archive: &TableId) -> String {
        let archive = archive.sql();
        match self {
            difference if difference.is_synced() => format!(
                "call manager.sync_archived_table({:?}) in a migration",
                active.table
            ),
            Self::Check(name) => format!(
                "ALTER TABLE {archive} DROP CONSTRAINT {}",
                crate::ident::quote(name)
            ),
            Self::Inheritance => {
                "take it out of the inheritance with ALTER TABLE .. NO INHERIT ..".to_owned()
            }
            Self::Trigger(_) => "make it an AFTER trigger, or drop it".to_owned(),
            Self::Kind => "it has to be an ordinary table, or partitioned as `.partitioned_by_archivals(..)` does it, with a default partition".to_owned(),
            _ => "drop it".to_owned(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => write!(f, "it is not a plain table"),
            Self::Persistence => write!(
                f,
                "it is UNLOGGED or temporary, and what is archived would be lost in a crash"
            ),
            Self::Inheritance => write!(f, "it inherits from a table, or is inherited from"),
            Self::Rules => write!(f, "it has a rewrite rule, which could drop or change a row"),
            Self::Missing(column) => {
                let (name, sql_type) = (&column.name, &column.sql_type);
                write!(f, "it lacks the column \"{name}\" {sql_type}")
            }
            Self::Extra(column) => write!(
                f,
                "it has a column \"{column}\" that the table does not have, and a restore would lose it"
            ),
            Self::Type { active, archived } => {
                let (name, found, wanted) = (&archived.name, &archived.sql_type, &active.sql_type);
                write!(f, "its column \"{name}\" is {found} and not {wanted}")?;
                if found == wanted {
                    write!(f, " of the same collation and modifier")?;
                }
                Ok(())
            }
            Self::NotNull { column, not_null } => write!(
                f,
                "its column \"{column}\" {} NOT NULL",
                if *not_null { "lacks" } else { "is" }
            ),
            Self::NotPlain(column) => write!(
                f,
                "its column \"{}\" is generated or an identity, and so would not store the archived values",
                column.name
            ),
            Self::Key(columns) => write!(f, "its primary key is not ({})", columns.join(", ")),
            Self::ForeignKey(name) => write!(
                f,
                "it has the foreign key \"{name}\", and the row that an archived row refers to may be deleted"
            ),
            Self::Referenced(key) => write!(
                f,
                "the foreign key {key} refers to it, and a restore would be refused or change those rows"
            ),
            Self::Check(name) => write!(
                f,
                "it has the CHECK constraint \"{name}\", which could refuse what is archived"
            ),
            Self::Unique(name) => write!(
                f,
                "the unique index {name} would refuse archived rows, which may share values that active rows may not"
            ),
            Self::Trigger(name) => write!(f, "the trigger {name} may drop or change its rows"),
            Self::RowSecurity => write!(
                f,
                "row security is on for the table and off for it, where everyone could read archived rows"
            ),
        }
    }
}

/// The differences in one line, for an error.
pub fn list(differences: &[Difference]) -> String {
    let texts: Vec<_> = differences.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
