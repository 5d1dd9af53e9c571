//! The identity in SQL: bound, compared and locked.

use sea_orm::sea_query::{Expr, PostgresQueryBuilder, Query};
use sea_orm::{ColumnTrait, IdenStatic, Value};
use sea_orm_archive_postgres::ident::quote;

use super::entity::History;
use super::plan::HistoryPlan;
use crate::exec::Sql;

/// The condition that the row `h` is of the identity, and current.
pub(super) fn of_identity(plan: &HistoryPlan, identity: &[(String, String)]) -> String {
    let mut conditions: Vec<_> = identity
        .iter()
        .zip(&plan.names.identity)
        .map(|((column, value), name)| format!("h.{column} {} {value}", equals(plan, name, value)))
        .collect();
    if let Some((_, recorded_to)) = &plan.names.recorded {
        conditions.push(format!("h.{} IS NULL", quote(recorded_to)));
    }
    conditions.join(" AND ")
}

/// The operator that compares a column of the identity with a value.
///
/// A value that is bound without a cast may have another type, so it is compared by PostgreSQL's own operator.
/// A value that the entity casts has the type of the column, and is compared by the operator of the foreign
/// key.
fn equals<'a>(plan: &'a HistoryPlan, name: &str, value: &str) -> &'a str {
    let is_cast = !value.starts_with('$');
    let column = plan.identity.columns.iter().find(|c| c.child == name);
    match column.filter(|_| is_cast) {
        Some(column) => &column.equals,
        None => "OPERATOR(pg_catalog.=)",
    }
}

/// The columns of the identity with their bound values, as SeaORM writes and compares them.
///
/// There is no cast to the type of the column: a cast to `varchar(3)` would truncate `USDT` to `USD`, and so write to
/// another identity.
pub(super) fn bound_identity<E: History>(
    identity: &[Value],
    sql: &mut Sql,
) -> Vec<(String, String)> {
    E::columns()
        .identity
        .into_iter()
        .zip(identity)
        .map(|(column, value)| (quote(column.as_str()), bind_as(column, value, sql)))
        .collect()
}

/// Binds a value as its column is written: an enum is sent as text and cast to its type.
pub(super) fn bind_as(column: impl ColumnTrait, value: &Value, sql: &mut Sql) -> String {
    let bound = sql.bind(value.clone());
    let expression = column.save_as(Expr::val(value.clone()));
    if matches!(expression, Expr::Value(_)) {
        return bound;
    }
    let (text, values) = Query::select()
        .expr(expression)
        .take()
        .build(PostgresQueryBuilder);
    let text = text.strip_prefix("SELECT ").unwrap_or(&text);
    match values.0.len() {
        1 => text.replacen("$1", &bound, 1),
        _ => bound,
    }
}

/// Locks the rows of the identities, in the order of their key, and returns the number of the identity for each.
///
/// Race: two changes of one identity at once would close the same version, and one would be lost or refused.
/// With the lock the second waits, and its statement begins after the commit of the first. The insert of a row
/// that refers to the identity takes KEY SHARE and does not wait.
///
/// Race: two merges of the same identities in opposite directions. All transactions that lock several
/// identities lock them in the order of the key, and so do the triggers of a temporal foreign key.
pub(super) fn lock<E: History>(plan: &HistoryPlan, identities: &[&[Value]]) -> Sql {
    let mut sql = Sql {
        text: String::new(),
        values: Vec::new(),
    };
    let mut conditions = Vec::new();
    for identity in identities {
        let pairs: Vec<_> = bound_identity::<E>(identity, &mut sql)
            .into_iter()
            .zip(&plan.names.identity)
            .filter_map(|((_, value), name)| {
                let column = plan.identity.columns.iter().find(|c| &c.child == name)?;
                let equals = equals(plan, name, &value);
                Some(format!("i.{} {equals} {value}", quote(&column.parent)))
            })
            .collect();
        conditions.push(format!("({})", pairs.join(" AND ")));
    }
    let which: Vec<_> = conditions
        .iter()
        .enumerate()
        .map(|(n, condition)| format!("WHEN {condition} THEN {n}"))
        .collect();
    let order: Vec<_> = plan
        .identity
        .columns
        .iter()
        .map(|column| format!("i.{}", quote(&column.parent)))
        .collect();
    let (which, order) = match identities {
        [_] => ("0".to_owned(), String::new()),
        _ => (
            format!("CASE {} END", which.join(" ")),
            format!("ORDER BY {}", order.join(", ")),
        ),
    };
    sql.text = format!(
        "SELECT {which} AS which FROM {} AS i WHERE ({}) AND (SELECT {}) {order} FOR NO KEY UPDATE",
        plan.identity.parent.sql(),
        conditions.join(" OR "),
        plan.resolved,
    );
    sql
}
