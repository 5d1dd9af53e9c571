//! Which rows to archive, and what the archival records contain.

use std::marker::PhantomData;

use sea_orm::sea_query::{
    Condition, Expr, LockType, Order, PostgresQueryBuilder, Query, SelectStatement,
};
use sea_orm::{ColumnTrait, Iterable, PrimaryKeyToColumn, Value};
use sea_orm_archive_postgres::catalog::Form;
use sea_orm_archive_postgres::emit::resolved;
use sea_orm_archive_postgres::ident::{exact, object, quote};
use sea_orm_archive_postgres::model::Plan;
use sea_orm_archive_postgres::sqlstate::TOO_MANY_ROOTS;
use serde_json::Value as Json;

use crate::entity::Archivable;
use crate::exec::Sql;
use crate::optimistic_lock::AtLockVersion;
use crate::planned::ArchiveSteps;
use crate::row::{is_value, key_columns};

/// The roots to archive, and what their archival records contain.
#[derive(Clone, Debug)]
pub(super) struct Request<E: Archivable> {
    entity: PhantomData<E>,
    pub roots: SelectStatement,
    pub lock_version: Option<AtLockVersion>,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub metadata: Option<Json>,
    /// There may be any number of roots.
    pub many: bool,
}

/// The most bytes of one answer. PostgreSQL builds no jsonb array above 268,435,455 bytes.
const MOST_BYTES: usize = 250_000_000;

/// The bytes of an archival record in an answer, without the texts of the caller, the key and the names of the tables.
const RECORD_BYTES: usize = 340;

impl<E: Archivable> Request<E> {
    pub fn new() -> Self {
        let mut roots = Query::select();
        for key in E::PrimaryKey::iter() {
            roots.column((E::default(), key.into_column()));
        }
        roots.from(E::default().table_ref());
        Self {
            entity: PhantomData,
            roots,
            lock_version: None,
            by: None,
            reason: None,
            metadata: None,
            many: false,
        }
    }

    pub fn many() -> Self {
        Self {
            many: true,
            ..Self::new()
        }
    }

    /// The rows of the roots, as models of the entity: locked, in the order of their keys.
    pub fn models(&self) -> SelectStatement {
        let mut models = self.locked();
        models.clear_selects();
        for column in E::Column::iter() {
            models.expr(column.select_as(Expr::col((E::default(), column))));
        }
        models
    }

    /// The same request for these rows alone.
    pub fn of_rows(&self, keys: &[Vec<Value>]) -> Self {
        let mut request = Self {
            many: self.many,
            by: self.by.clone(),
            reason: self.reason.clone(),
            metadata: self.metadata.clone(),
            lock_version: self.lock_version.clone(),
            ..Self::new()
        };
        let is_row = |key: &Vec<Value>| {
            let columns = E::PrimaryKey::iter().zip(key);
            columns.fold(Condition::all(), |row, (column, value)| {
                row.add(is_value(column.into_column(), value))
            })
        };
        let rows = keys.iter().map(is_row);
        request
            .roots
            .cond_where(rows.fold(Condition::any(), Condition::add));
        request
    }

    /// The query for the roots, which locks them in the order of their keys.
    fn locked(&self) -> SelectStatement {
        let mut roots = self.of_version();
        for key in E::PrimaryKey::iter() {
            roots.order_by((E::default(), key.into_column()), Order::Asc);
        }
        roots.lock(LockType::Update);
        roots
    }

    fn of_version(&self) -> SelectStatement {
        let mut roots = self.roots.clone();
        if let Some(lock_version) = &self.lock_version {
            // PostgreSQL checks the condition again on the newest version of a row once it is locked.
            roots.and_where(lock_version.matches::<E>());
        }
        roots
    }

    /// The condition that one answer can hold the records of all roots `k`. It is checked before anything moves.
    fn fits(&self, plan: &Plan, key: &str) -> String {
        let metadata = self.metadata.as_ref().map(|json| json.to_string().len());
        let texts = [&self.by, &self.reason]
            .into_iter()
            .flatten()
            .map(String::len);
        let tables = plan
            .nodes
            .iter()
            .map(|node| node.moved.table.id.to_string().len() + 16);
        let each = RECORD_BYTES + texts.chain(metadata).chain(tables).sum::<usize>();
        format!(
            " AND CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.*) {each} OPERATOR(pg_catalog.+) pg_catalog.sum(pg_catalog.pg_column_size({key})) \
             OPERATOR(pg_catalog.<=) {MOST_BYTES} THEN true ELSE archive.stop('{TOO_MANY_ROOTS}', pg_catalog.count(*)::pg_catalog.text) END"
        )
    }

    /// The call of `archive.run` for these roots.
    ///
    /// This statement itself finds and locks the roots, in the order of their keys.
    ///
    /// Race: two archives with common roots. The second waits for the first. The steps in the function see what was
    /// committed until then: each has a snapshot of its own.
    pub fn call(&self, plan: &Plan, archive: &ArchiveSteps, lock: bool) -> Sql {
        let roots = match lock {
            true => self.locked(),
            false => self.of_version(),
        };
        let (roots, values) = roots.build(PostgresQueryBuilder);
        let mut sql = Sql {
            text: String::new(),
            values: values.0,
        };
        let by = sql.bind(self.by.clone());
        let reason = sql.bind(self.reason.clone());
        let metadata = sql.bind(self.metadata.clone());
        let key = key_of_root::<E>(plan);
        let fits = match lock && self.many {
            true => self.fits(plan, &key),
            false => String::new(),
        };
        let args = format!(
            "SELECT pg_catalog.jsonb_build_object(\
             'roots', pg_catalog.jsonb_agg({key}), 'by', {by}::pg_catalog.text, 'reason', {reason}::pg_catalog.text, 'metadata', {metadata}::pg_catalog.jsonb) \
             FROM ({roots}) AS k HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AND {}{fits}",
            resolved(&plan.freshness)
        );
        match &archive.proof {
            Some(proof) => archive.steps.call_proven(proof, &mut sql, &args),
            None => archive.steps.call(&mut sql, &args),
        }
        sql
    }
}

/// The key of a root `k` as the steps read it: as JSON that represents each value exactly.
fn key_of_root<E: Archivable>(plan: &Plan) -> String {
    let form = |name: &str| {
        let column = plan.root().table.key.iter().find(|c| c.name == name);
        column.map_or(Form::Settings, |column| column.form)
    };
    let pairs: Vec<_> = key_columns::<E>()
        .into_iter()
        .map(|name| {
            let value = exact(form(&name), &format!("k.{}", quote(&name)));
            (name, value)
        })
        .collect();
    object(&pairs)
}
