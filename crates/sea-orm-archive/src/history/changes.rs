//! Finds changes of a column, and gaps between versions.

use sea_orm::sea_query::{
    Alias, Condition, Expr, ExprTrait, JoinType, Order, Query, SelectStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic, Iterable, Value,
};

use super::entity::History;
use super::identity_values;
use super::recorded_at::{Known, same_identity};
use crate::exec::Repreparing;
use crate::row::{equals_column, equals_value};

const BEFORE: &str = "before";
const AFTER: &str = "after";

/// Two versions of one identity that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Changed<M> {
    /// The version before the change.
    pub before: M,
    /// The version after it; its start is the time of the change.
    pub after: M,
}

/// The changes of one column. Created by [`HistoryEntity::find_changes`](super::HistoryEntity::find_changes).
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `.all(&db)`"]
pub struct Changes<E: History> {
    known: Known<E>,
    column: E::Column,
    identity: Option<Vec<Value>>,
    from: Option<Value>,
    to: Option<Value>,
}

/// The gaps between two versions of one identity. Created by
/// [`HistoryEntity::find_gaps`](super::HistoryEntity::find_gaps).
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `.all(&db)`"]
pub struct Gaps<E: History> {
    known: Known<E>,
    identity: Option<Vec<Value>>,
}

impl<E: History> Changes<E> {
    pub(super) fn new(known: Known<E>, column: E::Column) -> Self {
        Self {
            known,
            column,
            identity: None,
            from: None,
            to: None,
        }
    }

    /// Of one identity only.
    pub fn of(mut self, identity: impl Into<E::Identity>) -> Self {
        self.identity = Some(identity_values::<E>(identity));
        self
    }

    /// From this value only: who renamed Engineering?
    pub fn from_value(mut self, value: impl Into<Value>) -> Self {
        self.from = Some(value.into());
        self
    }

    /// To this value only.
    pub fn to_value(mut self, value: impl Into<Value>) -> Self {
        self.to = Some(value.into());
        self
    }

    /// The versions before and after each change, in the order of time; one statement.
    ///
    /// A version is compared with the next one of its identity, also across a gap. Two with the same value in
    /// this column are no change.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn all<C: ConnectionTrait>(self, db: &C) -> Result<Vec<Changed<E::Model>>, DbErr> {
        let column = |side: &str| Expr::col((Alias::new(side), self.column));
        // The values are compared as text, which every type has. NULL is a value here.
        let mut query = pairs::<E>(&self.known, self.identity.as_deref());
        query.and_where(Expr::cust_with_exprs(
            "CAST($1 AS pg_catalog.text) COLLATE pg_catalog.\"C\" IS DISTINCT FROM CAST($2 AS pg_catalog.text) COLLATE pg_catalog.\"C\"",
            [column(BEFORE), column(AFTER)],
        ));
        for (side, value) in [(BEFORE, &self.from), (AFTER, &self.to)] {
            if let Some(value) = value {
                let value = match *value == value.as_null() {
                    true => column(side).is_null(),
                    false => equals_value(column(side), self.column, value),
                };
                query.and_where(value);
            }
        }
        all::<E, C>(db, &query).await
    }
}

impl<E: History> Gaps<E> {
    pub(super) fn new(known: Known<E>) -> Self {
        Self {
            known,
            identity: None,
        }
    }

    /// Of one identity only.
    pub fn of(mut self, identity: impl Into<E::Identity>) -> Self {
        self.identity = Some(identity_values::<E>(identity));
        self
    }

    /// The versions before and after each gap, in the order of time; one statement. A gap is the time from the
    /// end of the first version to the start of the second.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn all<C: ConnectionTrait>(self, db: &C) -> Result<Vec<Changed<E::Model>>, DbErr> {
        let columns = E::columns();
        let mut query = pairs::<E>(&self.known, self.identity.as_deref());
        let starts = Expr::col((Alias::new(AFTER), columns.valid_from));
        query.and_where(starts.gt(Expr::col((Alias::new(BEFORE), columns.valid_to))));
        all::<E, C>(db, &query).await
    }
}

/// Every version with the next one of its identity, which one search in the btree finds.
fn pairs<E: History>(known: &Known<E>, identity: Option<&[Value]>) -> SelectStatement {
    let columns = E::columns();
    let (before, after) = (Alias::new(BEFORE), Alias::new(AFTER));
    let next_alias = Alias::new("next");
    let mut same = Condition::all();
    for column in &columns.identity {
        let this = Expr::col((next_alias.clone(), *column));
        let other = Expr::col((before.clone(), *column));
        same = same.add(equals_column(this, *column, other));
    }
    let starts = Expr::col((next_alias.clone(), columns.valid_from));
    let next = Query::select()
        .column((next_alias.clone(), sea_orm::sea_query::Asterisk))
        .from_as(E::default().table_ref(), next_alias.clone())
        .cond_where(same)
        .cond_where(known.condition(&next_alias))
        .and_where(starts.gt(Expr::col((before.clone(), columns.valid_from))))
        .order_by((next_alias, columns.valid_from), Order::Asc)
        .limit(1)
        .take();
    let mut query = Query::select();
    for side in [BEFORE, AFTER] {
        for column in E::Column::iter() {
            let name = Alias::new(format!("{}{}", prefix(side), column.as_str()));
            let value = Expr::col((Alias::new(side), column));
            query.expr_as(column.select_as(value), name);
        }
    }
    query
        .from_as(E::default().table_ref(), before.clone())
        .join_lateral(
            JoinType::InnerJoin,
            next,
            after.clone(),
            Condition::all().add(Expr::val(true)),
        )
        .cond_where(known.condition(&before))
        .order_by((after, columns.valid_from), Order::Asc);
    for column in &columns.identity {
        query.order_by((before.clone(), *column), Order::Asc);
    }
    if let Some(identity) = identity {
        query.cond_where(same_identity::<E>(&before, identity));
    }
    query
}

async fn all<E, C>(db: &C, query: &SelectStatement) -> Result<Vec<Changed<E::Model>>, DbErr>
where
    E: EntityTrait,
    C: ConnectionTrait,
{
    // PostgreSQL would truncate a longer alias, and the column would not be found under its name.
    if let Some(long) = E::Column::iter().find(|column| column.as_str().len() > 61) {
        return Err(DbErr::Custom(format!(
            "the name of the column {} of {} is too long for a query of changes: it can have 61 bytes at most",
            long.as_str(),
            E::default().table_name(),
        )));
    }
    let rows = Repreparing(db).query_all(query).await?;
    rows.iter()
        .map(|row| {
            Ok(Changed {
                before: E::Model::from_query_result(row, prefix(BEFORE))?,
                after: E::Model::from_query_result(row, prefix(AFTER))?,
            })
        })
        .collect()
}

/// The prefixes that SeaORM uses for pairs.
fn prefix(side: &str) -> &'static str {
    if side == BEFORE { "A_" } else { "B_" }
}
