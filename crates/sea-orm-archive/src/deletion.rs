//! Whether, when and by whom a row was deleted: the second half of a row of
//! [`find_with_deleted`](crate::ArchiveEntity::find_with_deleted).
//!
//! No table has these columns. `find_with_deleted` selects them; any other statement on this entity fails, because the
//! relation `archive.archive_deletion` does not exist.

use ::sea_orm::entity::prelude::*;
use ::sea_orm::sea_query::{Alias, Expr, JoinType, Query, SelectStatement, UnionType};
use ::sea_orm::{
    EntityName, IdenStatic, Iterable, QueryResult, QueryTrait, SelectTwo, TryGetError,
};
use sea_orm_archive_postgres::ident::quote;

use crate::archival;
use crate::decode::{self, sea_orm};
use crate::entity::Archivable;

/// How a row was deleted.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "archive_deletion")]
pub struct Model {
    /// The archival that the row belongs to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub archival_id: i64,
    /// When the row was deleted.
    pub deleted_at: DateTimeUtc,
    /// Who deleted it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub deleted_by: Option<String>,
}

/// A deletion is part of an archival.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The archival record. A role reads it only if it may read the archive table of the root.
    #[sea_orm(
        belongs_to = "archival::Entity",
        from = "Column::ArchivalId",
        to = "archival::Column::Id"
    )]
    Archival,
}

impl Related<archival::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Archival.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl ::sea_orm::FromQueryResult for Model {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        use decode::sea_orm::{FromQueryResult, QueryResult};
        FromQueryResult::from_query_result(&QueryResult(row), prefix)
    }

    fn from_query_result_nullable(row: &QueryResult, prefix: &str) -> Result<Self, TryGetError> {
        use decode::sea_orm::{FromQueryResult, QueryResult};
        FromQueryResult::from_query_result_nullable(&QueryResult(row), prefix)
    }

    /// `None` only where every column is NULL. The provided method returns `None` also for values that cannot be read,
    /// so a deleted row would be returned as an active one.
    fn from_query_result_optional(row: &QueryResult, prefix: &str) -> Result<Option<Self>, DbErr> {
        let archival_id: Option<i64> = row.try_get(prefix, Column::ArchivalId.as_str())?;
        let deleted_at: Option<DateTimeUtc> = row.try_get(prefix, Column::DeletedAt.as_str())?;
        let deleted_by: Option<String> = row.try_get(prefix, Column::DeletedBy.as_str())?;
        if (&archival_id, &deleted_at, &deleted_by) == (&None, &None, &None) {
            return Ok(None);
        }
        ::sea_orm::FromQueryResult::from_query_result(row, prefix).map(Some)
    }
}

/// See [`ArchiveEntity::find_with_deleted`](crate::ArchiveEntity::find_with_deleted).
pub(crate) fn find_with_deleted<E: Archivable>() -> SelectTwo<E, Entity> {
    // SeaORM qualifies the columns of `E` with this name, so filters, orders and relations need no change.
    let own = Alias::new(E::default().table_name());
    let mut deletion = Query::select();
    for column in Column::iter() {
        deletion.expr_as(Expr::col((own.clone(), added(column))), column);
    }
    let mut select = E::find();
    QueryTrait::query(&mut select)
        .from_clear()
        .from_subquery(active_and_deleted::<E>(), own)
        // PostgreSQL removes this join when it plans. A LEFT JOIN with a condition would stay in the plan, and behind any
        // LEFT JOIN a filter on the deletion would not exclude the active table. TRUE is not bound, since a parameter is
        // unknown to a generic plan.
        .join_lateral(JoinType::InnerJoin, deletion, Entity, Expr::cust("TRUE"));
    select.select_also(Entity)
}

/// The rows of both tables, in a form that PostgreSQL plans like two partitions of one table.
fn active_and_deleted<E: Archivable>() -> SelectStatement {
    let mut active = rows::<E, E>();
    for (column, of_type) in [
        (Column::ArchivalId, "int8"),
        (Column::DeletedAt, "timestamptz"),
        (Column::DeletedBy, "text"),
    ] {
        let null = Expr::cust(format!("CAST(NULL AS pg_catalog.{of_type})"));
        active.expr_as(null, added(column));
    }
    let table = E::Deleted::default();
    let archived = |name: &str| format!("{}.{}", quote(table.table_name()), quote(name));
    let names = E::declaration().added;
    let by = archived(&names.deleted_by);
    // The owner of the type of `deleted_by` may define a cast to text, which would run as the caller. `format` calls the
    // output function of the type.
    let by = format!("CASE WHEN {by} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {by}) END");
    let mut deleted = rows::<E, E::Deleted>();
    for (column, value) in [
        (Column::ArchivalId, archived(&names.archival_id)),
        (Column::DeletedAt, archived(&names.deleted_at)),
        (Column::DeletedBy, by),
    ] {
        deleted.expr_as(Expr::cust(value), added(column));
    }
    active.union(UnionType::All, deleted).take()
}

/// The columns of `E`, of all rows of the table of `T`. They are qualified: a name that the table lacks must not be one of
/// an outer query.
fn rows<E: EntityTrait, T: EntityTrait>() -> SelectStatement {
    let table = T::default();
    let name = Alias::new(table.table_name());
    Query::select()
        .columns(E::Column::iter().map(|column| (name.clone(), column)))
        .from(table.table_ref())
        .take()
}

/// The name of a column of the deletion beside the columns of an entity, which may have one of its own name.
fn added(column: Column) -> Alias {
    Alias::new(format!("archive.{}", column.as_str()))
}
