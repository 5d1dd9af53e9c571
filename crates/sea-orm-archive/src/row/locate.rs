//! Locates a row: active, archived, or in neither table.

use sea_orm::sea_query::{Expr, PostgresQueryBuilder, Query, SelectStatement};
use sea_orm::{EntityName, EntityTrait, Iterable, PrimaryKeyToColumn, Value};
use sea_orm_archive_postgres::ident::{key_object, literal, object, quote};
use serde::Deserialize;

use super::{is_value, key_columns, key_json, table_name};
use crate::entity::Archivable;
use crate::error::{
    ConflictError, DriftError, Error, NotFoundError, RetryError, unexpected_answer,
};
use crate::exec::{Executor, Sql, ask};
use crate::planned::planned;

/// Where a row is, read in one snapshot.
#[derive(Deserialize)]
pub(crate) struct Location {
    active: bool,
    archived: Option<Archived>,
}

#[derive(Deserialize)]
struct Archived {
    archival: i64,
    /// `None` where the archival record does not exist.
    root_table: Option<String>,
    root_key: serde_json::Value,
    /// Whether the row is the root of its archival.
    is_root: Option<bool>,
    /// Whether the archival record is not marked as restored.
    open: bool,
}

/// Reads the row from its table, its archive table and the archival table, in one statement.
pub(crate) async fn locate<E, C>(db: &C, key: &[Value]) -> Result<Location, Error>
where
    E: Archivable,
    C: Executor,
{
    // Both bind the same values in the same order.
    let (active, values) = select_row::<E>(key).build(PostgresQueryBuilder);
    let (archived, _) = select_row::<E::Deleted>(key).build(PostgresQueryBuilder);
    let declaration = E::declaration();
    let planned = planned::<E>(db).await?;
    let archival_id = quote(&declaration.added.archival_id);
    let text = format!(
        "SELECT pg_catalog.jsonb_build_object('active', EXISTS ({active}), 'archived', (\
         SELECT pg_catalog.jsonb_build_object('archival', d.{archival_id}, 'root_table', a.root_table, 'root_key', a.root_key, \
         'open', a.restored_at IS NULL AND a.purged_at IS NULL, 'is_root', {}) \
         FROM ({archived}) AS d LEFT JOIN archive.archival AS a ON a.id = d.{archival_id})) AS result",
        is_root_row::<E>("a", "d", &key_object(&planned.plan.root().table.key, "d")),
    );
    let found = ask(
        db,
        &Sql {
            text,
            values: values.0,
        },
    )
    .await?
    .unwrap_or_default();
    serde_json::from_value(found).map_err(unexpected_answer)
}

impl Location {
    /// Why the row could not be archived; `None` where it is active now and can be archived.
    pub fn why_not_archived<E: Archivable>(self, key: &[Value]) -> Option<Error> {
        let (table, key) = (table_name::<E>(), key_json::<E>(key));
        match self.archived {
            _ if self.active => None,
            Some(Archived { archival, .. }) => {
                Some(Error::Conflict(ConflictError::AlreadyArchived {
                    table,
                    key,
                    archival,
                }))
            }
            None => Some(Error::NotFound(NotFoundError::Row { table, key })),
        }
    }

    /// Why the row could not be restored; `None` where it is the root of an archival now and can be restored.
    pub fn why_not_restored<E: Archivable>(self, key: &[Value]) -> Option<Error> {
        let (table, key) = (table_name::<E>(), key_json::<E>(key));
        match self.archived {
            Some(Archived {
                open: false,
                archival,
                ..
            }) => Some(Error::Drift(DriftError::IncompleteArchival {
                message: format!(
                    "{table} {key} is archived, and its archival {archival} is recorded as restored: one of the two was changed with plain SQL"
                ),
            })),
            Some(Archived {
                is_root: Some(true),
                ..
            }) => None,
            Some(Archived {
                root_table: None,
                archival,
                ..
            }) => Some(Error::Drift(DriftError::IncompleteArchival {
                message: format!(
                    "{table} {key} is archived, and its archival record {archival} does not exist or this role may not read it: \
                     if it was deleted with plain SQL, insert it again into archive.archival, or insert the row into {table} and \
                     delete it from the archive table"
                ),
            })),
            Some(found) => Some(Error::Conflict(ConflictError::ParentArchived {
                table,
                key,
                parent_table: found.root_table.unwrap_or_default(),
                parent_key: Box::new(found.root_key),
                archival: found.archival,
            })),
            None if self.active => Some(Error::Conflict(ConflictError::NotArchived { table, key })),
            None => Some(Error::NotFound(NotFoundError::Row { table, key })),
        }
    }
}

/// A query for the row with this key.
pub(crate) fn select_row<E: EntityTrait>(key: &[Value]) -> SelectStatement {
    let mut select = Query::select();
    select.expr(Expr::cust("*")).from(E::default().table_ref());
    for (column, value) in E::PrimaryKey::iter().zip(key) {
        select.and_where(is_value(column.into_column(), value));
    }
    select
}

/// The condition, as SQL, that the row `row` of the archive table is the root of the archival that it is joined with. `key`
/// is its key as an object.
///
/// The record contains the key as it was. Its columns may have been renamed since, or its values changed with their type
/// (another label of an enumeration, another scale). Then the only row of the table in the archival is the root.
pub(crate) fn is_root_row<E: Archivable>(archival: &str, row: &str, key: &str) -> String {
    let declaration = E::declaration();
    let table = literal(&declaration.table.quoted());
    let archival_id = quote(&declaration.added.archival_id);
    let columns = |alias: &str| {
        let columns = key_columns::<E>().into_iter();
        let columns: Vec<_> = columns
            .map(|name| format!("{alias}.{}", quote(&name)))
            .collect();
        format!("ROW({})::pg_catalog.text", columns.join(", "))
    };
    format!(
        "({archival}.tables[1] OPERATOR(pg_catalog.=) pg_catalog.to_regclass({table}) \
         AND ({archival}.root_key OPERATOR(pg_catalog.=) {key} OR archive.is_renamed_key({archival}.root_key, {key}) \
         OR NOT EXISTS (SELECT FROM {} AS other_row WHERE other_row.{archival_id} OPERATOR(pg_catalog.=) {archival}.id \
         AND {} OPERATOR(pg_catalog.<>) {})))",
        declaration.archive_table.quoted(),
        columns("other_row"),
        columns(row),
    )
}

/// The condition that a row of the archive table is the root of the archival that it is joined with.
pub(crate) fn is_root<E: Archivable>() -> Expr {
    let table = EntityName::table_name(&E::Deleted::default()).to_owned();
    let key: Vec<_> = key_columns::<E>()
        .into_iter()
        .map(|name| {
            let value = format!("archive.exact_json({}.{})", quote(&table), quote(&name));
            (name, value)
        })
        .collect();
    Expr::cust(is_root_row::<E>(
        "\"archival\"",
        &quote(&table),
        &object(&key),
    ))
}

/// The error for a row that was not found at any attempt to move it, but was found each time it was located.
pub(crate) fn moving_row<E: Archivable>(key: &[Value]) -> Error {
    Error::Retry(RetryError::MovingRow {
        table: table_name::<E>(),
        key: key_json::<E>(key),
    })
}
