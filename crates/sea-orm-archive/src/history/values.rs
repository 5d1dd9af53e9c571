//! The values that a caller sets in a version.

use sea_orm::{ActiveModelTrait, ActiveValue, EntityTrait, IdenStatic, Iterable, Value};
use sea_orm_archive_postgres::ident::{quote, type_name};

use super::entity::History;
use super::identity::bind_as;
use super::plan::HistoryPlan;
use crate::error::{DriftError, Error, RefusedError};
use crate::exec::Sql;

/// Columns with their new values, and the actor.
#[derive(Clone, Debug)]
pub(super) struct Values<E: EntityTrait> {
    columns: Vec<(E::Column, Value)>,
    pub by: Option<Value>,
}

impl<E: EntityTrait> Default for Values<E> {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            by: None,
        }
    }
}

impl<E: History> Values<E> {
    /// Sets the value of a column, and replaces an earlier one.
    pub fn value(&mut self, column: E::Column, value: Value) {
        self.columns
            .retain(|(known, _)| known.as_str() != column.as_str());
        self.columns.push((column, value));
    }

    /// Sets the values that are set in the active model.
    pub fn set<A: ActiveModelTrait<Entity = E>>(&mut self, model: A) {
        for column in E::Column::iter() {
            if let ActiveValue::Set(value) = model.get(column) {
                self.value(column, value);
            }
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(column, _)| column.as_str())
    }

    /// Refuses columns that the table lacks or that the verbs manage: the key, the identity, the period,
    /// generated columns.
    pub fn check(&self, plan: &HistoryPlan) -> Result<(), Error> {
        for name in self.names() {
            if plan.table.column(name).is_none() {
                return Err(Error::Drift(DriftError::Schema {
                    table: plan.table.id.to_string(),
                    problems: vec![format!(
                        "the table has no column {name}: add it in a migration"
                    )],
                }));
            }
            if !plan.values.iter().any(|column| column.name == name) {
                return Err(Error::Refused(RefusedError::ManagedColumn {
                    table: plan.table.id.to_string(),
                    column: name.to_owned(),
                }));
            }
        }
        if self.by.is_some() && plan.names.recorded_by.is_none() {
            return Err(Error::Refused(RefusedError::ManagedColumn {
                table: plan.table.id.to_string(),
                column: "recorded_by".to_owned(),
            }));
        }
        Ok(())
    }

    /// [`check`](Self::check) for verbs that write no new version without transaction time: these cannot record
    /// the actor.
    pub fn check_by(&self, plan: &HistoryPlan) -> Result<(), Error> {
        self.check(plan)?;
        if self.by.is_some() && plan.names.recorded.is_none() {
            return Err(Error::Refused(RefusedError::UnrecordedActor {
                table: plan.table.id.to_string(),
            }));
        }
        Ok(())
    }

    /// The values as a query of one row, cast as SeaORM casts what it writes. There is no cast to the type of
    /// the column: an explicit cast to `varchar(3)` would truncate a longer text instead of failing.
    pub fn row(&self) -> Sql {
        let mut sql = Sql {
            text: String::new(),
            values: Vec::new(),
        };
        let mut given: Vec<_> = self
            .columns
            .iter()
            .map(|(column, value)| {
                let bound = bind_as(*column, value, &mut sql);
                format!("{bound} AS {}", quote(column.as_str()))
            })
            .collect();
        if let Some(by) = &self.by {
            given.push(format!("{} AS \"archive.by\"", sql.bind(by.clone())));
        }
        if given.is_empty() {
            given.push("NULL AS \"archive.nothing\"".to_owned());
        }
        sql.text = format!("(SELECT {} /* {} */)", given.join(", "), self.types());
        sql
    }

    /// The types of the values, for a comment in the statement. The driver identifies a prepared statement by
    /// its text alone, and an `i32` and an `i64` for one column must not share one.
    fn types(&self) -> String {
        let values = self.columns.iter().map(|(_, value)| value).chain(&self.by);
        let types: Vec<_> = values
            .map(|value| format!("{:?}", value.array_type()))
            .collect();
        types.join(", ")
    }

    /// The condition that `h` has other values than given. The values are compared as text, byte by byte: every
    /// type has a text form, and a collation that equates two spellings must not hide a correction.
    pub fn differ(&self, plan: &HistoryPlan) -> String {
        let differ: Vec<_> = self
            .names()
            .map(|name| {
                let column = quote(name);
                let given = match plan.table.column(name) {
                    Some(known) if rounds(&known.sql_type) => {
                        format!("CAST(g.{column} AS {})", type_name(&known.sql_type))
                    }
                    _ => format!("g.{column}"),
                };
                format!(
                    "h.{column}::pg_catalog.text COLLATE pg_catalog.\"C\" IS DISTINCT FROM {given}::pg_catalog.text COLLATE pg_catalog.\"C\""
                )
            })
            .collect();
        if differ.is_empty() {
            "false".to_owned()
        } else {
            format!("({})", differ.join(" OR "))
        }
    }
}

/// Whether a value of this type has several text forms, and a cast to the type only rounds.
fn rounds(sql_type: &str) -> bool {
    [
        "numeric",
        "timestamp",
        "time",
        "real",
        "double precision",
        "json",
        "interval",
    ]
    .iter()
    .any(|prefix| sql_type.starts_with(prefix))
        && !sql_type.ends_with("[]")
}

/// `.value(..)`, `.set(..)` and `.by(..)` on the builders of writes.
macro_rules! takes_values {
    ($($builder:ident),+) => {$(
        impl<E: History> $builder<E> {
            /// Sets the new value of a column; columns that are not given carry over.
            pub fn value(mut self, column: E::Column, value: impl Into<Value>) -> Self {
                self.values.value(column, value.into());
                self
            }

            /// Sets the new value of every column that is set in the active model.
            pub fn set<A>(mut self, model: A) -> Self
            where
                A: sea_orm::ActiveModelTrait<Entity = E>,
            {
                self.values.set(model);
                self
            }

            /// The actor, for the column `recorded_by` of the entity. It does not carry over: in a version that is
            /// written without it, the column has its default or NULL.
            pub fn by(mut self, actor: impl Into<Value>) -> Self {
                self.values.by = Some(actor.into());
                self
            }
        }
    )+};
}
pub(super) use takes_values;

/// `.by(..)` on the builders of writes that set no values.
macro_rules! takes_by {
    ($($builder:ident),+) => {$(
        impl<E: History> $builder<E> {
            /// The actor, for the column `recorded_by` of the entity; only in a bitemporal history, where the verb
            /// writes a version that can contain it.
            pub fn by(mut self, actor: impl Into<Value>) -> Self {
                self.values.by = Some(actor.into());
                self
            }
        }
    )+};
}
pub(super) use takes_by;
