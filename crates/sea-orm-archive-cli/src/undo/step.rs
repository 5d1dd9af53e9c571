//! One step of an undo.

use serde_json::{Value as Json, json};

use super::values::{NULL, Values, key, shown};
use crate::answer::plain;

/// One step of an undo.
#[derive(Debug)]
pub(crate) struct Step {
    pub action: Action,
    /// Why it cannot be done.
    pub conflict: Option<String>,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Restores an archival that the request archived.
    Restore(i64),
    /// Deletes a row that it inserted, if the row has the values that it wrote.
    Delete(Row, Values),
    /// Inserts a row that it deleted.
    Insert(Row, Values),
    /// Sets columns that it updated to their values of before, if they have those that it wrote.
    Update(Row, Values, Values),
    /// Nothing can be done.
    Refused(String),
}

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// `schema.table`.
    pub name: String,
    /// As SQL.
    pub table: String,
    pub key: Values,
    /// The condition that the row `t` has the key `k`.
    pub is_row: String,
    /// The columns that can be written.
    pub columns: Vec<String>,
    /// Those of them whose text depends on no setting.
    pub plain: Vec<String>,
    /// Those of them that are `timestamptz`.
    pub instants: Vec<String>,
    /// The columns that PostgreSQL computes.
    pub generated: Vec<String>,
}

impl Row {
    /// The first column with a value in the log that the table no longer has by this name.
    pub fn missing_column(&self, values: &Values) -> Option<String> {
        let has = |name| self.columns.contains(name) || self.generated.contains(name);
        let missing = values
            .iter()
            .find(|(name, value)| *value != NULL && !has(name));
        missing.map(|(name, _)| format!("the column {name} was renamed or dropped"))
    }
}

impl Step {
    /// A line for a person.
    pub fn line(&self) -> String {
        let text = match &self.action {
            Action::Restore(archival) => format!("restore archival {archival}"),
            Action::Delete(row, _) => format!("delete {} {}", row.name, key(&row.key)),
            Action::Insert(row, _) => format!("insert {} {}", row.name, key(&row.key)),
            Action::Update(row, before, after) => {
                let columns = before.iter().map(|(name, value)| {
                    let now = after.get(name).map_or_else(String::new, |now| shown(now));
                    format!("\n    {name}: {now} -> {}", shown(value))
                });
                format!(
                    "update {} {}{}",
                    row.name,
                    key(&row.key),
                    columns.collect::<String>()
                )
            }
            Action::Refused(what) => what.clone(),
        };
        match &self.conflict {
            // It may contain a value of a row.
            Some(conflict) => format!(
                "{text}\n    conflict: {}",
                plain(&Json::from(conflict.as_str()))
            ),
            None => text,
        }
    }
}

pub(crate) fn steps_json(steps: &[Step]) -> Json {
    let steps = steps
        .iter()
        .map(|step| json!({"step": step.line(), "conflict": step.conflict}));
    Json::Array(steps.collect())
}

/// The rows of a group as `k`, their values of before as `r`, and both with the values afterwards in `e.v`. `$1` is the array of them.
pub(super) fn elements(table: &str) -> String {
    format!(
        "pg_catalog.jsonb_array_elements($1::pg_catalog.text::pg_catalog.jsonb) WITH ORDINALITY AS e(v, n)
         CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::{table}, e.v OPERATOR(pg_catalog.->) 'key'::pg_catalog.text) AS k
         CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::{table}, e.v OPERATOR(pg_catalog.->) 'before'::pg_catalog.text) AS r"
    )
}
