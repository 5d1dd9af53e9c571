//! How a restore resolves what would be in its way.

use sea_orm::{ColumnTrait, EntityTrait, Value};
use sea_orm_archive_postgres::ident::literal;
use serde_json::Value as Json;

use crate::entity::DeclaredName;
use crate::exec::value_text;
use crate::row::{Key, key_columns, key_values};

/// What a restore changes before it moves the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    pub assignments: Vec<Assignment>,
    pub remaps: Vec<Remap>,
    pub renames: Vec<Rename>,
    pub skips_rows: bool,
    pub with_parents: bool,
    pub source: Source,
}

/// Which rows a restore takes from the archival.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Source {
    /// Its rows.
    #[default]
    Rows,
    /// Copies of its rows, with new keys.
    Copies,
    /// The row with this key of this table, and the rows below it.
    Part(DeclaredName, Json),
}

/// A new value of a column.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub column: NamedColumn,
    /// The value, as SQL.
    pub value: String,
    /// Only in the root.
    pub root_only: bool,
}

/// Another parent.
#[derive(Clone, Debug)]
pub(crate) struct Remap {
    pub parent: DeclaredName,
    /// Each column of its key with the old and the new value, as SQL.
    pub key: Vec<(String, String, String)>,
}

/// A column that gets a suffix where its value is taken.
#[derive(Clone, Debug)]
pub(crate) struct Rename {
    pub column: NamedColumn,
    pub suffix: String,
}

/// A column with its table.
#[derive(Clone, Debug)]
pub(crate) struct NamedColumn {
    pub table: DeclaredName,
    pub name: String,
}

impl NamedColumn {
    fn of<C: ColumnTrait>(column: C) -> Self {
        Self {
            table: DeclaredName::named(&C::EntityName::default()),
            name: column.as_str().to_owned(),
        }
    }
}

impl NamedColumn {
    /// A column by its name, of a table as `schema.table`, or as `table` on the `search_path`.
    pub fn named(table: &str, column: &str) -> Self {
        Self {
            table: DeclaredName::parse(table),
            name: column.to_owned(),
        }
    }
}

impl std::fmt::Display for NamedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.name)
    }
}

impl Policies {
    /// Whether there are none.
    pub fn is_plain(&self) -> bool {
        !self.changes_rows() && !self.with_parents
    }

    /// Whether the archived rows may change before they are checked.
    pub fn changes_rows(&self) -> bool {
        let changes = self.assignments.len() + self.remaps.len() + self.renames.len();
        changes > 0 || self.skips_rows || self.source != Source::Rows
    }

    /// The same for the archival of a parent: nothing of it is changed.
    pub fn of_parent(&self) -> Self {
        Self {
            with_parents: self.with_parents,
            ..Self::default()
        }
    }

    pub fn assign<C: ColumnTrait>(&mut self, column: C, value: Value, root_only: bool) {
        self.assign_named(NamedColumn::of(column), &value, root_only);
    }

    pub fn assign_named(&mut self, column: NamedColumn, value: &Value, root_only: bool) {
        let value = sql(value);
        self.assignments.push(Assignment {
            column,
            value,
            root_only,
        });
    }

    pub fn rename<C: ColumnTrait>(&mut self, column: C, suffix: String) {
        self.rename_named(NamedColumn::of(column), suffix);
    }

    pub fn rename_named(&mut self, column: NamedColumn, suffix: String) {
        self.renames.push(Rename { column, suffix });
    }

    pub fn remap<P: EntityTrait>(&mut self, from: Key<P>, to: Key<P>) {
        let literals = |key| {
            let values: Vec<Value> = key_values(key);
            values.into_iter().map(|value| sql(&value))
        };
        let key = key_columns::<P>().into_iter();
        let key = key.zip(literals(from)).zip(literals(to));
        self.remaps.push(Remap {
            parent: DeclaredName::of::<P>(),
            key: key.map(|((name, from), to)| (name, from, to)).collect(),
        });
    }
}

/// A value as a literal of unknown type, which takes the type of its column. The driver identifies a prepared statement by its text, so a
/// bound value of another type would be sent to it.
fn sql(value: &Value) -> String {
    text(value).map_or_else(|| "NULL".to_owned(), |text| literal(&text))
}

/// A value as its type reads it; `None` for NULL.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Json(Some(json)) => Some(json.to_string()),
        Value::Array(_, Some(values)) => {
            let elements = values.iter().map(|value| match text(value) {
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".to_owned(),
            });
            let elements: Vec<_> = elements.collect();
            Some(format!("{{{}}}", elements.join(",")))
        }
        other => value_text(other),
    }
}

/// The methods that set [`Policies`], for each builder of a restore; `of one` for one archival.
macro_rules! policies {
    () => {
        /// Restores every row of a table with another value of a column: `.set_every(comment::Column::IsHidden, true)`. As `set` otherwise.
        ///
        /// Without rows of that table nothing is changed. A column of a foreign key is refused where triggers of the application act on
        /// restored rows, since they may count the rows of a parent.
        pub fn set_every<C: sea_orm::ColumnTrait>(
            mut self,
            column: C,
            value: impl Into<sea_orm::Value>,
        ) -> Self {
            self.policies.assign(column, value.into(), false);
            self
        }

        /// Appends a suffix to the value of a text column in each row that has a conflict on a unique index with this column:
        /// `.rename(post::Column::Slug, "-{n}")` restores `first` as `first-2` where `first` is taken, or else as `first-3`, and so on.
        ///
        /// `{n}` is the smallest number from 2 to 1,001 with which neither an active row nor another row of the restore has the values. A
        /// suffix without it is tried as it is. A value longer than its column is cut before the suffix. Where none is free, the
        /// conflict is reported as without this.
        ///
        /// Race: another transaction takes the value after it was found. The restore then tries again, and finds the next one.
        pub fn rename<C: sea_orm::ColumnTrait>(
            mut self,
            column: C,
            suffix: impl Into<String>,
        ) -> Self {
            self.policies.rename(column, suffix.into());
            self
        }

        /// Restores the rows that refer to one parent below another: `.remap(user::Entity, 5, 7)` for a user 5 who was deleted for good.
        ///
        /// It changes every foreign key of the restored rows to the primary key of that table, and no detached link. A parent that does not
        /// exist is a conflict as any other. Where a foreign key belongs to the primary key of a row, or triggers of the application act on
        /// restored rows, the call is refused.
        pub fn remap<P: sea_orm::EntityTrait>(
            mut self,
            _parent: P,
            from: impl Into<<P::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType>,
            to: impl Into<<P::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType>,
        ) -> Self {
            self.policies.remap::<P>(from.into(), to.into());
            self
        }

        /// Leaves the rows with conflicts archived, with the rows below them, and restores the others.
        ///
        /// Each of these rows becomes the root of an archival of its own, which can be restored later: see `stayed` of the result,
        /// [`Stayed`](crate::Stayed). A conflict of the root itself prevents the restore as before. Where triggers of the
        /// application act on restored rows, a conflict is a [`DriftError::Trigger`](crate::error::DriftError::Trigger): they would count
        /// rows that stay.
        pub fn skip_conflicting(mut self) -> Self {
            self.policies.skips_rows = true;
            self
        }
    };
    (of one) => {
        policies!();

        /// Restores copies of the rows with new primary keys, as new rows; the archived rows stay archived.
        ///
        /// Foreign keys between the rows follow the new keys. A key comes from the default of its column or its identity, or from the key of a
        /// parent that is copied too; a table without such a column is a
        /// [`RefusedError::RestorePolicy`](crate::error::RefusedError::RestorePolicy). The copies are an archival of their own, whose record the
        /// restore returns, with the new key of the root. Detached links are not set again: they belong to the archived rows.
        ///
        /// The role needs INSERT on the archive tables, and USAGE on the sequences.
        pub fn as_new(mut self) -> Self {
            self.policies.source = super::policies::Source::Copies;
            self
        }

        /// Restores missing parents of the root first, where they are archived, and their parents: in one transaction, each as it was archived,
        /// and by the same actor. See [`Restored::parents`](crate::Restored::parents).
        ///
        /// Parents of other rows are not restored: these rows wait, see [`Restored::waiting`](crate::Restored::waiting).
        pub fn with_parents(mut self) -> Self {
            self.policies.with_parents = true;
            self
        }
    };
}
pub(super) use policies;
