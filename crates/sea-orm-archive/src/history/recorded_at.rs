//! The queries that find versions: current ones, or those that were current at a time.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{
    Alias, Asterisk, Condition, Expr, ExprTrait, Order, Query, SelectStatement,
};
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    TryGetable, Value,
};

use super::entity::{History, ValidTime};
use crate::exec::Repreparing;
use crate::row::equals_value;

/// Which versions a query reads: the current ones, or those that were current at a time.
#[derive(Debug)]
pub(super) struct Known<E: History> {
    at: Option<DateTimeUtc>,
    entity: std::marker::PhantomData<E>,
}

impl<E: History> Clone for Known<E> {
    fn clone(&self) -> Self {
        Self {
            at: self.at,
            entity: std::marker::PhantomData,
        }
    }
}

/// A time as SQL: bound, or now.
pub(super) fn time<E: History>(at: Option<E::Time>) -> Expr {
    match at {
        Some(at) => Expr::val(at),
        None => Expr::cust(E::Time::NOW),
    }
}

impl<E: History> Known<E> {
    pub fn now() -> Self {
        Self {
            at: None,
            entity: std::marker::PhantomData,
        }
    }

    pub fn at(time: DateTimeUtc) -> Self {
        Self {
            at: Some(time),
            entity: std::marker::PhantomData,
        }
    }

    /// The condition on the versions of a table, or of an alias of it.
    pub fn condition(&self, table: &Alias) -> Condition {
        let Some(recorded) = E::columns().recorded else {
            return Condition::all();
        };
        let column = |column: E::Column| Expr::col((table.clone(), column));
        match self.at {
            None => Condition::all().add(column(recorded.to).is_null()),
            Some(at) => Condition::all().add(column(recorded.from).lte(at)).add(
                Condition::any()
                    .add(column(recorded.to).is_null())
                    .add(column(recorded.to).gt(at)),
            ),
        }
    }

    /// All these versions.
    pub fn select(&self) -> Select<E> {
        E::find().filter(self.condition(&own_name::<E>()))
    }

    /// The version that is valid at a time: the last that does not start later, if it has not ended. One search
    /// in the btree on the identity and the start.
    pub fn find_version_at(&self, identity: &[Value], at: Expr) -> Select<E> {
        let conditions = same_identity::<E>(&own_name::<E>(), identity);
        let mut select = E::find();
        QueryTrait::query(&mut select)
            .from_clear()
            .from_subquery(self.version_query(conditions, at), own_name::<E>());
        select
    }

    /// The query of that version, with the conditions on the identity.
    pub fn version_query(&self, identity: Condition, at: Expr) -> SelectStatement {
        let own = own_name::<E>();
        let columns = E::columns();
        let mut last = Query::select();
        last.column((own.clone(), Asterisk))
            .from(E::default().table_ref())
            .cond_where(identity)
            .cond_where(self.condition(&own))
            .and_where(Expr::col((own.clone(), columns.valid_from)).lte(at.clone()))
            .order_by((own.clone(), columns.valid_from), Order::Desc)
            .limit(1);
        let valid = not_ended::<E>(&own, at);
        Query::select()
            .column((own.clone(), Asterisk))
            .from_subquery(last, own)
            .cond_where(valid)
            .take()
    }

    pub fn find_valid_at(&self, at: Expr) -> Select<E> {
        let own = own_name::<E>();
        let valid_from = Expr::col((own.clone(), E::columns().valid_from));
        self.select()
            .filter(valid_from.lte(at.clone()))
            .filter(not_ended::<E>(&own, at))
    }

    pub fn find_versions(&self, identity: &[Value]) -> Select<E> {
        self.select()
            .filter(same_identity::<E>(&own_name::<E>(), identity))
    }

    pub fn find_timeline(&self, identity: &[Value]) -> Select<E> {
        self.find_versions(identity)
            .order_by_asc(E::columns().valid_from)
    }
}

/// The table's own name, as SeaORM qualifies its columns.
pub(super) fn own_name<E: EntityTrait>() -> Alias {
    Alias::new(E::default().table_name())
}

/// `table.identity = value`, for each of its columns.
pub(super) fn same_identity<E: History>(table: &Alias, identity: &[Value]) -> Condition {
    let mut condition = Condition::all();
    for (column, value) in E::columns().identity.into_iter().zip(identity) {
        let own = Expr::col((table.clone(), column));
        condition = condition.add(equals_value(own, column, value));
    }
    condition
}

fn not_ended<E: History>(table: &Alias, at: Expr) -> Condition {
    let valid_to = || Expr::col((table.clone(), E::columns().valid_to));
    Condition::any()
        .add(valid_to().is_null())
        .add(valid_to().gt(at))
}

/// The start of the first version that starts after a time.
pub(super) async fn first_after<E, C>(
    db: &C,
    identity: &[Value],
    at: Expr,
) -> Result<Option<Value>, DbErr>
where
    E: History,
    C: ConnectionTrait,
{
    let valid_from = E::columns().valid_from;
    let later = Known::<E>::now()
        .find_timeline(identity)
        .filter(Expr::col((own_name::<E>(), valid_from)).gt(at))
        .select_only()
        .column(valid_from)
        .limit(1);
    let row = Repreparing(db).query_one(later.as_query()).await?;
    row.map(|row| E::Time::try_get_by(&row, 0).map(Into::into))
        .transpose()
        .map_err(Into::into)
}

/// Whether a version of the identity starts at exactly that time.
pub(super) async fn starts_at<E, C>(db: &C, identity: &[Value], at: Expr) -> Result<bool, DbErr>
where
    E: History,
    C: ConnectionTrait,
{
    let found = Known::<E>::now()
        .find_timeline(identity)
        .filter(Expr::col((own_name::<E>(), E::columns().valid_from)).eq(at))
        .select_only()
        .column(E::columns().valid_from)
        .limit(1);
    let found = Repreparing(db).query_one(found.as_query()).await?;
    Ok(found.is_some())
}

/// Whether one time is later than another, by the database's clock.
pub(super) async fn later<C: ConnectionTrait>(
    db: &C,
    time: Expr,
    than: Expr,
) -> Result<bool, DbErr> {
    let query = Query::select().expr(time.gt(than)).take();
    match db.query_one(&query).await? {
        Some(row) => Ok(row.try_get_by_index(0)?),
        None => Ok(false),
    }
}
