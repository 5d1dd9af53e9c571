//! Reads a row as it was at a time.

use std::collections::HashMap;
use std::marker::PhantomData;

use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{Alias, Expr, PostgresQueryBuilder, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, IdenStatic, Iterable,
    PrimaryKeyToColumn, QueryResult, Statement, Value,
};
use sea_orm_archive_postgres::ident::{literal, quote};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;

use super::key::logged_key;
use crate::entity::DeclaredName;
use crate::error::{Error, NotFoundError, SetupError, unexpected_answer};
use crate::exec::{Repreparing, check_backend};
use crate::row::{key_json, table_name};

/// Reads a row as it was at a time. Created by [`AuditEntity::find_as_of`](super::AuditEntity::find_as_of).
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `.one(&db)`"]
pub struct FindAsOf<E: EntityTrait> {
    key: Vec<Value>,
    at: DateTimeUtc,
    entity: PhantomData<E>,
}

/// A row as it was at a time.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AsOf<M> {
    /// The row.
    pub row: M,
    /// Whether it was archived then.
    pub archived: bool,
    /// The columns whose values at that time the log does not contain: those that are or were excluded, and
    /// redacted ones that have changed since. They have their current values. A name that the table no longer
    /// has is that of a column that was changed since and then renamed or dropped.
    pub unknown: Vec<String>,
    /// The columns that the database computes from others.
    #[serde(skip)]
    pub(super) generated: Vec<String>,
}

/// What is registered for the table.
struct AuditedTable {
    name: String,
    /// The table with its schema, which is also the name of its row type.
    row_type: String,
    since: DateTimeUtc,
    columns: Vec<String>,
    archive_table: Option<String>,
    archive_table_columns: Vec<String>,
    excluded: Vec<String>,
    generated: Vec<String>,
    /// The operator that compares each column of the key.
    equals: HashMap<String, String>,
}

impl<E: EntityTrait> FindAsOf<E> {
    pub(super) fn new(key: Vec<Value>, at: DateTimeUtc) -> Self {
        Self {
            key,
            at,
            entity: PhantomData,
        }
    }

    /// The row, active or archived; `None` where there was none.
    ///
    /// The result is the current row with the changes since then reverted: two statements. The time of a change
    /// is that of its statement, not of its commit.
    ///
    /// # Errors
    ///
    /// [`SetupError::NotAudited`]; [`NotFoundError::LogEntries`] where it was not audited at that time;
    /// [`NotFoundError::RedactedColumns`] where the row was deleted and the log does not contain some of its columns;
    /// [`SetupError::NotInstalled`].
    pub async fn one<C: ConnectionTrait>(&self, db: &C) -> Result<Option<AsOf<E::Model>>, Error> {
        check_backend(db)?;
        let audited = self.audited_table(db).await?;
        if self.at < audited.since {
            return Err(NotFoundError::LogEntries {
                table: audited.name,
                since: audited.since,
            }
            .into());
        }
        let statement = self.statement(&audited);
        let row = Repreparing(db).query_one_raw(statement).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        self.read(&row, &audited)
    }

    fn read(
        &self,
        row: &QueryResult,
        audited: &AuditedTable,
    ) -> Result<Option<AsOf<E::Model>>, Error> {
        if !row.try_get::<bool>("", "archive.existed")? {
            return Ok(None);
        }
        let deleted: bool = row.try_get("", "archive.deleted")?;
        let redacted: serde_json::Value = row.try_get("", "archive.redacted")?;
        let redacted: Vec<String> = serde_json::from_value(redacted).map_err(unexpected_answer)?;
        let mut unknown = audited.excluded.clone();
        unknown.extend(redacted);
        unknown.sort();
        unknown.dedup();
        match E::Model::from_query_result(row, "") {
            Ok(model) => Ok(Some(AsOf {
                row: model,
                archived: row.try_get("", "archive.archived")?,
                unknown,
                generated: audited.generated.clone(),
            })),
            Err(_) if deleted && !unknown.is_empty() => Err(NotFoundError::RedactedColumns {
                table: audited.name.clone(),
                key: key_json::<E>(&self.key),
                columns: unknown,
            }
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn audited_table<C: ConnectionTrait>(&self, db: &C) -> Result<AuditedTable, Error> {
        let table = DeclaredName::of::<E>().quoted();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            schema::audit::WATCHED,
            [table.as_str().into()],
        );
        let row = db.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| SetupError::NotAudited {
            table: table_name::<E>(),
        })?;
        Ok(AuditedTable {
            name: row.try_get("", "name")?,
            row_type: row.try_get("", "row_type")?,
            since: row.try_get("", "since")?,
            columns: row.try_get("", "columns")?,
            archive_table: row.try_get("", "archive_table")?,
            archive_table_columns: row.try_get("", "archive_table_columns")?,
            excluded: row.try_get("", "excluded")?,
            generated: row.try_get("", "generated")?,
            equals: serde_json::from_value(row.try_get("", "equals")?)
                .map_err(unexpected_answer)?,
        })
    }

    fn statement(&self, audited: &AuditedTable) -> Statement {
        let (key, mut values) = Query::select()
            .expr(logged_key::<E>(&self.key))
            .take()
            .build(PostgresQueryBuilder);
        let key = key.strip_prefix("SELECT ").unwrap_or(&key).to_owned();
        values.0.push(self.at.into());
        let at = format!("${}", values.0.len());
        let table = DeclaredName::of::<E>().quoted();
        let archive_table = match &audited.archive_table {
            Some(archive_table) => format!(
                "UNION ALL SELECT {}, true FROM {archive_table} AS t, asked WHERE {}",
                row_of(&audited.archive_table_columns),
                is_asked::<E>(audited)
            ),
            None => String::new(),
        };
        let text = fill(
            schema::audit::AS_OF,
            [
                ("columns", columns::<E>()),
                ("archive_table", archive_table),
                ("row", row_of(&audited.columns)),
                ("is_asked", is_asked::<E>(audited)),
                ("table_name", literal(&table)),
                ("name", literal(&audited.name)),
                ("at", at),
                ("key", key),
                ("table", audited.row_type.clone()),
                ("row_type", audited.row_type.clone()),
            ],
        );
        Statement::from_sql_and_values(DbBackend::Postgres, text, values.0)
    }
}

/// The row `t` as the log would write it. `to_jsonb(t.*)` would run casts that the owners of its types define.
fn row_of(columns: &[String]) -> String {
    let columns: Vec<_> = columns
        .iter()
        .map(|name| format!("archive.audit_value(t.{0}) AS {0}", quote(name)))
        .collect();
    format!(
        "(SELECT pg_catalog.to_jsonb(v.*) FROM (SELECT {}) AS v)",
        columns.join(", ")
    )
}

/// The condition that `t` is the requested row.
fn is_asked<E: EntityTrait>(audited: &AuditedTable) -> String {
    let pairs: Vec<_> = E::PrimaryKey::iter()
        .map(|key| {
            let column = key.into_column();
            let equals = audited
                .equals
                .get(column.as_str())
                .map_or("=", String::as_str);
            let name = quote(column.as_str());
            format!("t.{name} {equals} (asked.row).{name}")
        })
        .collect();
    pairs.join(" AND ")
}

/// The columns of an entity, as SeaORM selects them, from `r`.
fn columns<E: EntityTrait>() -> String {
    let mut select = Query::select();
    for column in E::Column::iter() {
        let name = Alias::new(column.as_str());
        let value = Expr::col((Alias::new("r"), name.clone()));
        select.expr_as(column.select_as(value), name);
    }
    let text = select.to_string(PostgresQueryBuilder);
    text.strip_prefix("SELECT ").unwrap_or(&text).to_owned()
}
