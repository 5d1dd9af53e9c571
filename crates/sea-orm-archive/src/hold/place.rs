//! Places holds.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::PostgresQueryBuilder;
use sea_orm::{DatabaseTransaction, EntityTrait, Value};
use sea_orm_archive_postgres::ident::{literal, quote};
use serde_json::Value as Json;

use super::{Model, from_answer};
use crate::entity::{Archivable, DeclaredName};
use crate::error::{Error, NotFoundError};
use crate::exec::{Executor, Sql, ask_here, begin, check_backend, finish, value_text};
use crate::row::{key_columns, key_json, select_row, table_name};

/// Places a hold. Created by `hold_by_id` and `hold_table` of an entity, and by
/// [`archival::Entity::hold_by_id`](crate::archival::Entity::hold_by_id).
#[derive(Clone, Debug)]
#[must_use = "nothing is held before `.exec(&db)`"]
pub struct PlaceHold {
    target: Target,
    reason: String,
    by: Option<String>,
    until: Option<DateTimeUtc>,
}

/// What is held.
#[derive(Clone, Debug)]
enum Target {
    Archival(i64),
    /// The name of a table, quoted.
    Table(String),
    Row(Row),
    /// The quoted name of a table, and the texts of the primary key of a row.
    Person(String, Vec<Option<String>>),
}

/// A row of a table, active or archived.
#[derive(Clone, Debug)]
struct Row {
    /// The name of the table, quoted.
    table: String,
    /// A query for the row with all columns of its key, and its bound values.
    found: String,
    values: Vec<Value>,
    /// The texts of the columns of the key of the row `d`, as SQL.
    key: String,
    not_found: NotFoundError,
}

impl PlaceHold {
    pub(crate) fn on_archival(archival: i64, reason: String) -> Self {
        Self::new(Target::Archival(archival), reason)
    }

    pub(crate) fn on_table<E: Archivable>(reason: String) -> Self {
        Self::new(Target::Table(E::declaration().table.quoted()), reason)
    }

    pub(crate) fn on_row<E: Archivable>(key: &[Value], reason: String) -> Self {
        // Both bind the same values in the same order.
        let (active, values) = select_row::<E>(key).build(PostgresQueryBuilder);
        let (archived, _) = select_row::<E::Deleted>(key).build(PostgresQueryBuilder);
        let columns: Vec<_> = key_columns::<E>().iter().map(|name| quote(name)).collect();
        let texts = columns
            .iter()
            .map(|name| format!("archive.exact_text(d.{name})"));
        let names = columns.join(", ");
        let row = Row {
            table: E::declaration().table.quoted(),
            found: format!(
                "SELECT {names} FROM ({active}) AS a UNION ALL SELECT {names} FROM ({archived}) AS b"
            ),
            values: values.0,
            key: texts.collect::<Vec<_>>().join(", "),
            not_found: NotFoundError::Row {
                table: table_name::<E>(),
                key: key_json::<E>(key),
            },
        };
        Self::new(Target::Row(row), reason)
    }

    pub(crate) fn on_person<E: EntityTrait>(key: &[Value], reason: String) -> Self {
        let key = key.iter().map(value_text).collect();
        Self::new(
            Target::Person(DeclaredName::of::<E>().quoted(), key),
            reason,
        )
    }

    fn new(target: Target, reason: String) -> Self {
        Self {
            target,
            reason,
            by: None,
            until: None,
        }
    }

    /// Who places it: `placed_by`. Otherwise the actor of the context.
    pub fn by(mut self, actor: impl Into<Value>) -> Self {
        self.by = value_text(&actor.into());
        self
    }

    /// When it ends, unless it is released before. Without this it ends with its release.
    pub fn until(mut self, end: DateTimeUtc) -> Self {
        self.until = Some(end);
        self
    }

    /// Places the hold, and returns it. From the commit on nothing that it holds is purged; a purge that has begun is waited for.
    ///
    /// A row may be active or archived, and several holds may be on the same. Under tenancy a hold on a table or a row
    /// is that of the tenant of the context, and holds that tenant's archivals; an administrator without a tenant holds those of all.
    ///
    /// One statement, `SELECT archive.place_hold(..)`; for a row a second one, which looks whether the row is still there.
    ///
    /// # Errors
    ///
    /// [`NotFoundError::Archival`] where it was restored or purged, [`NotFoundError::Row`],
    /// [`RefusedError::EndedHold`](crate::error::RefusedError::EndedHold), and an error of the database for a role without `grant_holds`.
    pub async fn exec<C>(self, db: &C) -> Result<Model, Error>
    where
        C: Executor,
    {
        check_backend(db)?;
        let transaction = begin(db).await?;
        let placed = self.place(&transaction).await;
        finish(transaction, placed).await
    }

    /// Race: a purge of the row has begun. `place_hold` waits for it, so the row is looked up again afterwards, by a statement with a new
    /// snapshot.
    async fn place(&self, transaction: &DatabaseTransaction) -> Result<Model, Error> {
        let placed = ask_here(transaction, &self.sql()).await?;
        if let Target::Row(row) = &self.target {
            let text = format!(
                "SELECT pg_catalog.to_jsonb(EXISTS ({})) AS result",
                row.found
            );
            let values = row.values.clone();
            let is_there = ask_here(transaction, &Sql { text, values }).await?;
            if is_there != Some(Json::Bool(true)) {
                return Err(row.not_found.clone().into());
            }
        }
        match (placed, &self.target) {
            (None, Target::Archival(archival)) => Err(NotFoundError::Archival {
                archival: *archival,
            }
            .into()),
            (None, Target::Row(row)) => Err(row.not_found.clone().into()),
            (placed, _) => from_answer(placed.unwrap_or_default()),
        }
    }

    fn sql(&self) -> Sql {
        let mut sql = Sql {
            text: String::new(),
            values: Vec::new(),
        };
        if let Target::Row(row) = &self.target {
            sql.values.clone_from(&row.values);
        }
        let reason = sql.bind(self.reason.clone());
        let by = sql.bind(self.by.clone());
        let until = sql.bind(self.until);
        let call = |archival: &str, table: &str, key: &str| {
            format!("archive.place_hold({archival}, {table}, {key}, {reason}, {by}, {until})")
        };
        let table_of = |table: &str| format!("{}::pg_catalog.regclass", literal(table));
        sql.text = match &self.target {
            Target::Archival(archival) => {
                let archival = sql.bind(*archival);
                format!("SELECT {} AS result", call(&archival, "NULL", "NULL"))
            }
            Target::Table(table) => {
                format!(
                    "SELECT {} AS result",
                    call("NULL", &table_of(table), "NULL")
                )
            }
            Target::Person(table, key) => {
                let table = table_of(table);
                let key = sql.bind(Json::from(key.clone()).to_string());
                format!(
                    "SELECT archive.hold_person({table}, {key}::pg_catalog.text::pg_catalog.jsonb, {reason}, {by}, {until}) AS result"
                )
            }
            Target::Row(row) => {
                let key = format!("pg_catalog.jsonb_build_array({})", row.key);
                format!(
                    "SELECT {} AS result FROM (SELECT d.* FROM ({}) AS d LIMIT 1) AS d",
                    call("NULL", &table_of(&row.table), &key),
                    row.found
                )
            }
        };
        sql
    }
}
