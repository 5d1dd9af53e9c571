//! The statements of steps of one kind on one table that follow each other: one for all of their rows.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};

use super::current::referring;
use super::step::{Action, Row, Step, elements};
use super::values::{Values, key, object};
use crate::failure::Failure;
use crate::query::{literal, quote};

/// How many rows one statement changes.
const ROWS: usize = 1000;

/// Splits steps into groups: those of a group are of one kind, on one table, and write and compare the same columns.
pub(super) fn groups<'s>(steps: &[&'s Step]) -> Vec<Vec<&'s Step>> {
    let mut groups: Vec<Vec<&Step>> = Vec::new();
    for step in steps {
        match groups.last_mut() {
            Some(group) if group.len() < ROWS && is_alike(&group[0].action, &step.action) => {
                group.push(step);
            }
            _ => groups.push(vec![step]),
        }
    }
    groups
}

fn is_alike(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Delete(a, x), Action::Delete(b, y)) => a.table == b.table && x.keys().eq(y.keys()),
        (Action::Insert(a, x), Action::Insert(b, y)) => a.table == b.table && x.keys().eq(y.keys()),
        (Action::Update(a, x, v), Action::Update(b, y, w)) => {
            a.table == b.table && x.keys().eq(y.keys()) && v.keys().eq(w.keys())
        }
        _ => false,
    }
}

/// Changes the rows of a group. Fails where one of them is not as the log has it.
///
/// Race: a row changes between the plan and the statement. The statement compares each row under its lock, and then changes fewer rows than there
/// are steps.
pub(super) async fn change(
    transaction: &DatabaseTransaction,
    group: &[&Step],
) -> Result<(), Failure> {
    let values: Vec<String> = group
        .iter()
        .filter_map(|step| values(&step.action))
        .collect();
    let run = Run {
        transaction,
        rows: values.len(),
        values: format!("[{}]", values.join(",")),
    };
    match group.first().map(|step| &step.action) {
        Some(Action::Delete(row, after)) => run.delete(row, &conditions(row, after.keys())).await,
        Some(Action::Insert(row, before)) => {
            // A column that was added since gets its default.
            let columns = row.columns.iter().filter(|name| before.contains_key(*name));
            let columns: Vec<_> = columns.map(|name| quote(name)).collect();
            run.insert(row, &columns).await
        }
        Some(Action::Update(row, before, after)) => {
            let set: Vec<_> = before
                .keys()
                .map(|name| format!("{0} = r.{0}", quote(name)))
                .collect();
            let sql = format!(
                "UPDATE {0} AS t SET {1} FROM {2} WHERE {3}",
                row.table,
                set.join(", "),
                elements(&row.table),
                conditions(row, after.keys())
            );
            run.execute(row, sql).await
        }
        _ => Ok(()),
    }
}

fn values(action: &Action) -> Option<String> {
    let nothing = Values::new();
    let (row, before, after) = match action {
        Action::Delete(row, after) => (row, &nothing, after),
        Action::Insert(row, before) => (row, before, &nothing),
        Action::Update(row, before, after) => (row, before, after),
        _ => return None,
    };
    Some(format!(
        r#"{{"key":{},"before":{},"after":{}}}"#,
        object(&row.key),
        object(before),
        object(after)
    ))
}

/// The condition that the row `t` has the key `k` and the values that the log has of it.
///
/// The values are no condition of the join: PostgreSQL would compute those of every row of the table, to hash them.
fn conditions<'n>(row: &Row, after: impl Iterator<Item = &'n String>) -> String {
    let mut conditions = vec![row.is_row.clone()];
    for name in after.filter(|name| row.columns.contains(*name)) {
        let column = quote(name);
        let written = format!(
            "(e.v OPERATOR(pg_catalog.->) 'after'::pg_catalog.text OPERATOR(pg_catalog.->) {}::pg_catalog.text)",
            literal(name)
        );
        // A JSON null stands for NULL. archive.audit_value() has the same result for these types, and costs a hundred times as much.
        let logged = match (row.plain.contains(name), row.instants.contains(name)) {
            (true, _) => format!(
                "coalesce(pg_catalog.to_jsonb(t.{column}), 'null') OPERATOR(pg_catalog.=) {written}"
            ),
            (_, true) => format!(
                "t.{column} IS NOT DISTINCT FROM ({written} OPERATOR(pg_catalog.#>>) '{{}}'::pg_catalog.text[])::pg_catalog.timestamptz"
            ),
            _ => format!(
                "coalesce(archive.audit_value(t.{column}), 'null') OPERATOR(pg_catalog.=) {written}"
            ),
        };
        conditions.push(format!("({logged}) IS TRUE"));
    }
    conditions.join(" AND ")
}

struct Run<'t> {
    transaction: &'t DatabaseTransaction,
    rows: usize,
    values: String,
}

impl Run<'_> {
    /// Deletes rows that have the values of the log, and that no row refers to which the foreign key would delete or change with them.
    ///
    /// Race: another transaction adds a row that refers to one of these. It locks that one FOR KEY SHARE, so it has committed before the lock
    /// here is acquired and is found by the next statement, or it waits until this transaction ends.
    async fn delete(&self, row: &Row, conditions: &str) -> Result<(), Failure> {
        let (table, elements) = (&row.table, elements(&row.table));
        let lock =
            format!("SELECT FROM {table} AS t, {elements} WHERE {conditions} FOR UPDATE OF t");
        self.execute(row, lock).await?;
        if let Some(constraint) = referring(self.transaction, row, &self.values).await? {
            return Err(Failure::Conflict(format!(
                "other rows refer to it by {constraint}, which would delete or change them: delete or move them first"
            )));
        }
        let delete = format!(
            "DELETE FROM {table} AS t USING {elements} WHERE {}",
            row.is_row
        );
        self.execute(row, delete).await
    }

    async fn insert(&self, row: &Row, columns: &[String]) -> Result<(), Failure> {
        let values: Vec<_> = columns.iter().map(|name| format!("r.{name}")).collect();
        let sql = format!(
            "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {2} FROM {3} ORDER BY e.n",
            row.table,
            columns.join(", "),
            values.join(", "),
            elements(&row.table)
        );
        self.execute(row, sql).await
    }

    /// Runs a statement that has to change each row.
    async fn execute(&self, row: &Row, sql: String) -> Result<(), Failure> {
        let values: [Value; 1] = [self.values.clone().into()];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        let changed = self.transaction.execute_raw(statement).await?;
        match changed.rows_affected() == self.rows as u64 {
            true => Ok(()),
            false => Err(Failure::Conflict(format!(
                "{} {} changed meanwhile, or a trigger prevents the change",
                row.name,
                key(&row.key)
            ))),
        }
    }
}
