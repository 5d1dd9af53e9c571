//! The most common change: of the version without an end, from a time on.

use sea_orm::Value;

use super::entity::History;
use super::identity::bound_identity;
use super::pieces::stop_unwritten;
use super::plan::HistoryPlan;
use super::statement::{Instant, Statement, instant};
use super::values::Values;
use crate::exec::Sql;

/// Changes the version without an end of an identity as [`Statement::write`] does, in a third of the time: the row is
/// closed, and its values carry over into a new one. Other versions are not changed.
///
/// Race: a transaction ends the version with plain SQL, without the lock. Then nothing is closed and nothing is
/// inserted. Other changes of such a transaction are read from the row when it is closed.
pub(super) fn close_and_open<E: History>(
    plan: &HistoryPlan,
    values: &Values<E>,
    identity: &[Value],
    at: &Instant,
) -> Sql {
    let mut sql = values.row();
    let time = plan.time_type();
    let at = instant::<E>(plan, at, "pg_catalog.clock_timestamp()", &mut sql);
    let given = std::mem::take(&mut sql.text);
    let statement = Statement {
        plan,
        values,
        identity: bound_identity::<E>(identity, &mut sql),
        ends: false,
        sql,
    };
    let table = plan.table.id.sql();
    let (from, to) = (statement.from(), statement.to());
    let closed = format!(
        "UPDATE {table} AS h SET {to} = p.\"from\" FROM (SELECT CAST({at} AS {time}) AS \"from\") AS p, {given} AS g \
         WHERE {} AND h.{from} = {} AND h.{from} < p.\"from\" AND h.{to} IS NULL AND {} AND {} RETURNING h.*",
        statement.of_identity(),
        statement.start_until(),
        values.differ(plan),
        plan.unchanged,
    );
    let starts = format!("x.{to}");
    let (columns, inserted) = statement.inserted(true, [&starts, "NULL"], &[]);
    let mut sql = statement.sql;
    sql.text = format!(
        "WITH closed AS ({closed}),\nadded AS (INSERT INTO {table} ({columns}) SELECT {inserted} \
         FROM closed AS x, {given} AS g RETURNING *)\n\
         SELECT {} FROM closed AS x LEFT JOIN added AS r ON true WHERE (r.{from} = x.{to} AND r.{to} IS NULL) IS TRUE OR {}",
        plan.selected,
        stop_unwritten(plan),
    );
    sql
}
