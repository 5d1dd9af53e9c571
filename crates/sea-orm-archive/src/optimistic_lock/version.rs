//! The lock version that a row must still have when it is archived or restored.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, PostgresQueryBuilder};
use sea_orm::{EntityTrait, IdenStatic, Value};
use sea_orm_archive_postgres::ident::quote;

use super::{LockVersionType, OptimisticLock};
use crate::error::{ConflictError, Error};
use crate::exec::{Executor, Sql, ask};
use crate::row::{key_json, select_row, table_name};

/// The lock version that was read, and its column, which has the same name in the table and in its archive table.
#[derive(Clone, Debug)]
pub(crate) struct AtLockVersion {
    column: String,
    value: Value,
    expected: i64,
}

impl AtLockVersion {
    pub fn of<E: OptimisticLock>(version: E::LockVersion) -> Self {
        Self {
            column: E::lock_version_column().as_str().to_owned(),
            value: version.into(),
            expected: version.number(),
        }
    }

    /// The condition that a row of the table of `T` still has this lock version.
    pub fn matches<T: EntityTrait>(&self) -> Expr {
        Expr::col((T::default(), Alias::new(&self.column))).eq(self.value.clone())
    }

    /// The conflict, where the row of `T`, which is `E` or its deleted entity, has another lock version now.
    pub async fn conflict<E, T, C>(&self, db: &C, key: &[Value]) -> Result<Option<Error>, Error>
    where
        E: EntityTrait,
        T: EntityTrait,
        C: Executor,
    {
        let (row, values) = select_row::<T>(key).build(PostgresQueryBuilder);
        let text = format!(
            "SELECT pg_catalog.to_jsonb(d.{}) AS result FROM ({row}) AS d",
            quote(&self.column)
        );
        let values = values.0;
        let found = ask(db, &Sql { text, values }).await?;
        let found = found.and_then(|version| version.as_i64());
        Ok(found.filter(|found| *found != self.expected).map(|found| {
            Error::Conflict(ConflictError::LockVersion {
                table: table_name::<E>(),
                key: key_json::<E>(key),
                expected: self.expected,
                found,
            })
        }))
    }
}
