//! Reads a row as it was at a time.

use std::collections::HashMap;
use std::marker::PhantomData;

use sea_orm::prelude::{DateTimeUtc, Json};
use sea_orm::sea_query::{Alias, Expr, PostgresQueryBuilder, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IdenStatic,
    Iterable, PrimaryKeyToColumn, QueryResult, Statement, Value,
};
use sea_orm_archive_postgres::ident::{literal, quote};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;

use super::key::{logged_keys, present_key};
use crate::decode::Decode;
use crate::entity::DeclaredName;
use crate::error::{Error, NotFoundError, SetupError, unexpected_answer};
use crate::exec::{Repreparing, check_backend};
use crate::row::{key_columns, key_json, table_name};

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
    /// The columns whose values at that time are not known. They have their current values; of a deleted row they
    /// are NULL.
    ///
    /// - Columns that are or were excluded, and redacted ones that have changed since.
    /// - Columns that have changed since and whose type no longer accepts the old value: a label of an enumeration
    ///   was renamed, a text became a number, a domain got a CHECK.
    /// - Of a deleted row, columns that were added later.
    /// - A name that the table does not have is that of a column that has changed since and was dropped. A renamed
    ///   column has its new name, unless the names of several columns were exchanged with plain SQL.
    pub unknown: Vec<String>,
    /// The columns that the database computes from others.
    #[serde(skip)]
    pub(super) generated: Vec<String>,
    /// The columns that have changed since and cannot be set to their old value.
    #[serde(skip)]
    pub(super) unreadable: Vec<String>,
}

/// What is registered for the table.
struct AuditedTable {
    id: i32,
    name: String,
    /// The table with its schema.
    table: String,
    since: DateTimeUtc,
    columns: Vec<String>,
    /// The types that the columns are read as.
    types: Vec<String>,
    /// Whether `to_jsonb` writes a value of the column as entries contain it.
    plain: Vec<bool>,
    /// Whether no column was renamed or dropped since the table is audited.
    has_one_name_each: bool,
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
    /// [`SetupError::NotAudited`]; [`NotFoundError::LogEntries`] where it was not audited at that time, or had another
    /// primary key; [`NotFoundError::UnknownColumns`] where the row was deleted and the entity requires columns that the log
    /// does not contain; [`SetupError::NotInstalled`].
    pub async fn one<C: ConnectionTrait>(&self, db: &C) -> Result<Option<AsOf<E::Model>>, Error> {
        let Some((row, audited)) = self.found(db).await? else {
            return Ok(None);
        };
        let unknown = unknown(&row, &audited)?;
        match E::Model::from_query_result(&row, "") {
            Ok(model) => Ok(Some(AsOf::read(model, &row, unknown, audited.generated)?)),
            Err(_) if row.try_get("", "archive.deleted")? && !unknown.is_empty() => {
                Err(NotFoundError::UnknownColumns {
                    table: audited.name,
                    key: key_json::<E>(&self.key),
                    columns: unknown,
                }
                .into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The same as JSON: an object of the columns that are not in [`AsOf::unknown`], as entries write them.
    ///
    /// It reads what [`one`](Self::one) cannot: a deleted row of a table that has got another required column.
    ///
    /// # Errors
    ///
    /// Those of [`one`](Self::one), except [`NotFoundError::UnknownColumns`].
    pub async fn json<C: ConnectionTrait>(&self, db: &C) -> Result<Option<AsOf<Json>>, Error> {
        let Some((row, audited)) = self.found(db).await? else {
            return Ok(None);
        };
        let unknown = unknown(&row, &audited)?;
        let mut known = Json::decode(&row, "", "archive.row").map_err(DbErr::from)?;
        if let Some(columns) = known.as_object_mut() {
            columns.retain(|name, _| !unknown.contains(name));
        }
        Ok(Some(AsOf::read(known, &row, unknown, audited.generated)?))
    }

    /// The row, and what is registered for its table; `None` where there was no row.
    async fn found<C: ConnectionTrait>(
        &self,
        db: &C,
    ) -> Result<Option<(QueryResult, AuditedTable)>, Error> {
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
        Ok(row.map(|row| (row, audited)))
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
            id: row.try_get("", "id")?,
            name: row.try_get("", "name")?,
            table: row.try_get("", "relation")?,
            since: row.try_get("", "since")?,
            columns: row.try_get("", "columns")?,
            types: row.try_get("", "types")?,
            plain: row.try_get("", "plain")?,
            has_one_name_each: row.try_get("", "has_one_name_each")?,
            archive_table: row.try_get("", "archive_table")?,
            archive_table_columns: row.try_get("", "archive_table_columns")?,
            excluded: row.try_get("", "excluded")?,
            generated: row.try_get("", "generated")?,
            equals: serde_json::from_value(row.try_get("", "equals")?)
                .map_err(unexpected_answer)?,
        })
    }

    fn statement(&self, audited: &AuditedTable) -> Statement {
        let key = match audited.has_one_name_each && audited.is_plain(is_key::<E>) {
            true => present_key::<E>(&self.key, &audited.definitions(is_key::<E>)),
            false => logged_keys::<E>(&self.key),
        };
        let (keys, mut values) = Query::select().expr(key).take().build(PostgresQueryBuilder);
        let keys = keys.strip_prefix("SELECT ").unwrap_or(&keys).to_owned();
        values.0.push(self.at.into());
        let at = format!("${}", values.0.len());
        let table = DeclaredName::of::<E>().quoted();
        let archive_table = match &audited.archive_table {
            Some(archive_table) => format!(
                "UNION ALL SELECT {}, true FROM {archive_table} AS t, asked_row WHERE {}",
                audited.row_of(&audited.archive_table_columns),
                is_asked::<E>(audited)
            ),
            None => String::new(),
        };
        let text = fill(
            schema::audit::AS_OF,
            [
                ("columns", columns::<E>()),
                ("archive_table", archive_table),
                ("row", audited.row_of(&audited.columns)),
                ("is_asked", is_asked::<E>(audited)),
                ("table_name", literal(&table)),
                ("name", literal(&audited.name)),
                ("at", at),
                ("keys", keys),
                ("column_names", audited.column_names()),
                ("table", audited.table.clone()),
                ("definitions", audited.definitions(|_| true)),
                ("key_columns", audited.definitions(is_key::<E>)),
                ("names", name_array(&audited.columns)),
                ("logged_names", name_array(&audited.logged_columns())),
            ],
        );
        Statement::from_sql_and_values(DbBackend::Postgres, text, values.0)
    }
}

impl<R> AsOf<R> {
    fn read(
        row: R,
        result: &QueryResult,
        unknown: Vec<String>,
        generated: Vec<String>,
    ) -> Result<Self, Error> {
        let mut unreadable: Vec<String> = result.try_get("", "archive.unreadable")?;
        unreadable.sort();
        unreadable.dedup();
        Ok(Self {
            row,
            archived: result.try_get("", "archive.archived")?,
            unknown,
            generated,
            unreadable,
        })
    }
}

impl AuditedTable {
    /// The columns that entries contain.
    fn logged_columns(&self) -> Vec<String> {
        let columns = self.columns.iter();
        let columns = columns.filter(|name| !self.excluded.contains(name));
        columns.cloned().collect()
    }

    /// Whether `to_jsonb` writes the values of all columns that `wanted` accepts as entries contain them.
    fn is_plain(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let mut columns = self.columns.iter().zip(&self.plain);
        columns.all(|(name, plain)| *plain || !wanted(name))
    }

    /// The query for what the names of columns in entries mean.
    fn column_names(&self) -> String {
        match self.has_one_name_each {
            true => format!(
                "SELECT n.name, '-infinity'::pg_catalog.timestamptz AS valid_from, 'infinity'::pg_catalog.timestamptz AS valid_to, n.name AS name_now \
                 FROM pg_catalog.unnest({}) AS n (name)",
                name_array(&self.columns)
            ),
            false => format!("SELECT n.* FROM archive.audit_names({}) AS n", self.id),
        }
    }

    /// The row `t` as the log would write it. `to_jsonb(t.*)` would run casts that the owners of its types define, and
    /// `archive.audit_value` changes settings for each value.
    fn row_of(&self, columns: &[String]) -> String {
        let columns = columns.iter().map(|name| {
            let write = match self.is_plain(|column| column == name) {
                true => "pg_catalog.to_jsonb",
                false => "archive.audit_value",
            };
            format!("{write}(t.{0}) AS {0}", quote(name))
        });
        let columns: Vec<_> = columns.collect();
        format!(
            "(SELECT pg_catalog.to_jsonb(v.*) FROM (SELECT {}) AS v)",
            columns.join(", ")
        )
    }

    /// The columns that `wanted` accepts, with the types that they are read as.
    fn definitions(&self, wanted: impl Fn(&str) -> bool) -> String {
        let columns = self.columns.iter().zip(&self.types);
        let columns: Vec<_> = columns
            .filter(|(name, _)| wanted(name))
            .map(|(name, sql_type)| format!("{} {sql_type}", quote(name)))
            .collect();
        columns.join(", ")
    }
}

fn unknown(row: &QueryResult, audited: &AuditedTable) -> Result<Vec<String>, Error> {
    let mut unknown: Vec<String> = row.try_get("", "archive.unknown")?;
    unknown.extend(audited.excluded.iter().cloned());
    unknown.sort();
    unknown.dedup();
    Ok(unknown)
}

fn is_key<E: EntityTrait>(name: &str) -> bool {
    key_columns::<E>().iter().any(|key| key == name)
}

fn name_array(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| literal(name)).collect();
    format!("ARRAY[{}]::pg_catalog.text[]", names.join(", "))
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
            format!("t.{name} {equals} asked_row.{name}")
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
