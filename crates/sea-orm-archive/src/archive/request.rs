//! Which rows to archive, and what the archival records contain.

use std::marker::PhantomData;

use sea_orm::sea_query::{LockType, Order, PostgresQueryBuilder, Query, SelectStatement};
use sea_orm::{Iterable, PrimaryKeyToColumn};
use sea_orm_archive_postgres::catalog::Form;
use sea_orm_archive_postgres::emit::resolved;
use sea_orm_archive_postgres::ident::{exact, object, quote};
use sea_orm_archive_postgres::model::Plan;
use serde_json::Value as Json;

use crate::entity::Archivable;
use crate::exec::Sql;
use crate::optimistic_lock::AtLockVersion;
use crate::planned::ArchiveSteps;
use crate::row::key_columns;

/// The roots to archive, and what their archival records contain.
#[derive(Clone, Debug)]
pub(super) struct Request<E: Archivable> {
    entity: PhantomData<E>,
    pub roots: SelectStatement,
    pub lock_version: Option<AtLockVersion>,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub metadata: Option<Json>,
}

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
        }
    }

    /// The call of `archive.run` for these roots.
    ///
    /// This statement itself finds and locks the roots, in the order of their keys.
    ///
    /// Race: two archives with common roots. The second waits for the first. The steps in the function see what was
    /// committed until then: each has a snapshot of its own.
    pub fn call(&self, plan: &Plan, archive: &ArchiveSteps, lock: bool) -> Sql {
        let mut roots = self.roots.clone();
        if let Some(lock_version) = &self.lock_version {
            // PostgreSQL checks the condition again on the newest version of a row once it is locked.
            roots.and_where(lock_version.matches::<E>());
        }
        if lock {
            for key in E::PrimaryKey::iter() {
                roots.order_by((E::default(), key.into_column()), Order::Asc);
            }
            roots.lock(LockType::Update);
        }
        let (roots, values) = roots.build(PostgresQueryBuilder);
        let mut sql = Sql {
            text: String::new(),
            values: values.0,
        };
        let by = sql.bind(self.by.clone());
        let reason = sql.bind(self.reason.clone());
        let metadata = sql.bind(self.metadata.clone());
        let key = key_of_root::<E>(plan);
        let args = format!(
            "SELECT pg_catalog.jsonb_build_object(\
             'roots', pg_catalog.jsonb_agg({key}), 'by', {by}::pg_catalog.text, 'reason', {reason}::pg_catalog.text, 'metadata', {metadata}::pg_catalog.jsonb) \
             FROM ({roots}) AS k HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 AND {}",
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
