//! Updates a row only if it still has the lock version that was read.

use std::future::Future;
use std::marker::PhantomData;

use sea_orm::sea_query::{
    Alias, Condition, Expr, ExprTrait, IntoTableRef, PostgresQueryBuilder, Query, SelectStatement,
    ValueType,
};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbErr,
    EntityTrait, IdenStatic, IntoActiveModel, Iterable, PrimaryKeyToColumn, QueryFilter, Select,
    Update, Value,
};
use serde::Deserialize;
use serde_json::Value as Json;

use super::verbs::lock_version_of;
use super::{LockVersionType, OptimisticLock, UpdateError};
use crate::entity::{Declaration, DeclaredName};
use crate::error::{DriftError, Error, RefusedError, RetryError, unexpected_answer};
use crate::exec::{Attempts, Executor, Repreparing, Sql, ask, check_backend};
use crate::row::{is_value, key_json, select_row, table_name};

type Model<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;

/// The verb of the active model of an entity with a lock version: `note.update_if_unchanged(&db)`.
pub trait UpdateIfUnchanged:
    ActiveModelBehavior + ActiveModelTrait<Entity: OptimisticLock>
{
    /// Writes the columns that are `Set` if the row still has the lock version that was read, and increments it.
    ///
    /// The lock version that was read is the value of its column in the active model: `Unchanged` from a model,
    /// or `Set` from a request. Everything else is as in SeaORM's `update`: other columns are not changed,
    /// `before_save` and `after_save` are called, and the updated row is returned. Where no column is `Set`
    /// nothing is written; the lock version is checked and not incremented. A lock version that `before_save`
    /// sets is ignored.
    ///
    /// One statement:
    ///
    /// ```sql
    /// UPDATE "notes" SET "text" = $1, "lock_version" = "lock_version" + 1
    /// WHERE ("notes"."id" OPERATOR(pg_catalog.=) $2) AND "notes"."lock_version" = $3
    /// RETURNING "id", "text", "lock_version"
    /// ```
    ///
    /// Only if that updates no row, a second statement reads the current row. A conflict leaves a transaction
    /// of the caller usable.
    ///
    /// ```no_run
    /// # mod note {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveOptimisticLock)]
    /// #     #[sea_orm(table_name = "notes")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #         pub text: String,
    /// #         pub lock_version: i32,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use sea_orm::ActiveValue::{Set, Unchanged};
    /// use sea_orm_archive::prelude::*;
    ///
    /// # async fn put(db: sea_orm::DatabaseConnection) {
    /// // PUT /notes/42, If-Match: 3
    /// let note = note::ActiveModel {
    ///     id: Unchanged(42),
    ///     text: Set("better".to_owned()),
    ///     lock_version: Set(3),
    /// };
    /// let (status, body) = match note.update_if_unchanged(&db).await {
    ///     Ok(saved) => (200, Some(saved)),
    ///     Err(UpdateError::Conflict { current, .. }) => (409, Some(*current)),
    ///     Err(UpdateError::NotFound { .. }) => (410, None),
    ///     Err(UpdateError::Other(_)) => (500, None),
    /// };
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`UpdateError::Conflict`] with the row as it is now, [`UpdateError::NotFound`],
    /// [`RefusedError::UnsetColumn`] where the lock version or the key is not set, [`DriftError::Trigger`]
    /// where the row has the lock version and the update still does not change it, [`RetryError::Contention`]
    /// above READ COMMITTED. A lock version that cannot be incremented further is an error of the database.
    /// Nothing is written then.
    fn update_if_unchanged<C>(
        self,
        db: &C,
    ) -> impl Future<Output = Result<Model<Self>, UpdateError<Model<Self>>>> + Send
    where
        Self: Send,
        Model<Self>: IntoActiveModel<Self>,
        C: Executor,
    {
        update(self, db)
    }
}

impl<A: ActiveModelBehavior + ActiveModelTrait<Entity: OptimisticLock>> UpdateIfUnchanged for A {}

async fn update<A, C>(model: A, db: &C) -> Result<Model<A>, UpdateError<Model<A>>>
where
    A: ActiveModelBehavior + ActiveModelTrait<Entity: OptimisticLock> + Send,
    Model<A>: IntoActiveModel<A>,
    C: Executor,
{
    check_backend(db)?;
    // Read before the hook, which may set the lock version itself.
    let version = required_value(&model, A::Entity::lock_version_column())?;
    let model = model.before_save(db, false).await?;
    let saved = write(model, version, db).await?;
    Ok(A::after_save(saved, db, false).await?)
}

async fn write<A, C>(
    mut model: A,
    version: Value,
    db: &C,
) -> Result<Model<A>, UpdateError<Model<A>>>
where
    A: ActiveModelTrait<Entity: OptimisticLock> + Send,
    Model<A>: IntoActiveModel<A>,
    C: Executor,
{
    let row = ReadRow::<A::Entity>::of(&model, version)?;
    // The statement increments it.
    model.not_set(A::Entity::lock_version_column());
    let has_changes = has_changes(&model);
    let mut attempts = Attempts::of(db);
    loop {
        if has_changes {
            match row.update(model.clone(), db).await {
                Ok(Some(saved)) => return Ok(saved),
                Ok(None) => {}
                Err(error) => {
                    attempts.after(error).await?;
                    continue;
                }
            }
        }
        match row.current(db).await? {
            Some(current) if !has_changes => return Ok(current),
            // Race: the row was archived at the update and has been restored since. Or a trigger or a policy
            // skips it.
            _ if attempts.remain() => attempts.wait().await,
            Some(_) => return Err(row.not_updated().into()),
            None => return Err(row.moving_row().into()),
        }
    }
}

/// A value that an update requires.
fn required_value<A: ActiveModelTrait>(
    model: &A,
    column: <A::Entity as EntityTrait>::Column,
) -> Result<Value, Error> {
    match model.get(column) {
        ActiveValue::Set(value) | ActiveValue::Unchanged(value) => Ok(value),
        ActiveValue::NotSet => Err(Error::Refused(RefusedError::UnsetColumn {
            table: table_name::<A::Entity>(),
            column: column.as_str().to_owned(),
        })),
    }
}

/// Whether there is something to write.
fn has_changes<A: ActiveModelTrait>(model: &A) -> bool {
    type Key<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::PrimaryKey;
    <A::Entity as EntityTrait>::Column::iter().any(|column| {
        Key::<A>::from_column(column).is_none() && matches!(model.get(column), ActiveValue::Set(_))
    })
}

/// The key of the row that was read, and its lock version.
struct ReadRow<E: OptimisticLock> {
    key: Vec<Value>,
    version: Value,
    expected: i64,
    entity: PhantomData<E>,
}

impl<E: OptimisticLock> ReadRow<E> {
    fn of<A: ActiveModelTrait<Entity = E>>(model: &A, version: Value) -> Result<Self, Error> {
        let mut key = Vec::new();
        for column in E::PrimaryKey::iter() {
            key.push(required_value(model, column.into_column())?);
        }
        let read = <E::LockVersion as ValueType>::try_from(version.clone());
        let read = read.map_err(|error| DbErr::Type(error.to_string()))?;
        Ok(Self {
            key,
            version,
            expected: read.number(),
            entity: PhantomData,
        })
    }

    /// Updates the row if it has this lock version; `None` where there is no such row.
    ///
    /// An update of many rows that finds one, so that the condition on the key has the operator of PostgreSQL
    /// instead of SeaORM's `=`.
    async fn update<A, C>(&self, mut model: A, db: &C) -> Result<Option<E::Model>, Error>
    where
        A: ActiveModelTrait<Entity = E>,
        C: ConnectionTrait,
    {
        for key in E::PrimaryKey::iter() {
            model.not_set(key.into_column());
        }
        let version = E::lock_version_column();
        let next = Expr::col(Alias::new(version.as_str())).add(1);
        let update = Update::many(E::default())
            .set(model)
            .col_expr(version, next)
            .filter(self.condition().add(version.eq(self.version.clone())));
        let saved = update.exec_with_returning(&Repreparing(db)).await?;
        Ok(saved.into_iter().next())
    }

    /// The condition that a row has the key.
    fn condition(&self) -> Condition {
        E::PrimaryKey::iter()
            .zip(&self.key)
            .fold(Condition::all(), |condition, (column, value)| {
                condition.add(is_value(column.into_column(), value))
            })
    }

    /// The row with the lock version that was read; `None` where it was not found and is active again.
    async fn current<C>(&self, db: &C) -> Result<Option<E::Model>, UpdateError<E::Model>>
    where
        C: Executor,
    {
        let Some(current) = self.find().one(&Repreparing(db)).await? else {
            return match self.locate(db).await? {
                MissingRow { active: true, .. } => Ok(None),
                MissingRow { archival, .. } => Err(UpdateError::NotFound {
                    table: table_name::<E>(),
                    key: self.key(),
                    archival,
                }),
            };
        };
        let found = lock_version_of::<_, E>(&current, E::lock_version_column())?.number();
        if found == self.expected {
            return Ok(Some(current));
        }
        Err(UpdateError::Conflict {
            table: table_name::<E>(),
            key: self.key(),
            expected: self.expected,
            found,
            current: Box::new(current),
        })
    }

    fn find(&self) -> Select<E> {
        E::find().filter(self.condition())
    }

    /// Locates a row that was not found: in its archive table, if it has one.
    async fn locate<C>(&self, db: &C) -> Result<MissingRow, Error>
    where
        C: Executor,
    {
        let Some(declaration) = E::declared_archive() else {
            return Ok(MissingRow::default());
        };
        // Both bind the same values in the same order.
        let (active, values) = select_row::<E>(&self.key).build(PostgresQueryBuilder);
        let (archived, _) = archived::<E>(&declaration, &self.key).build(PostgresQueryBuilder);
        let text = format!(
            "SELECT pg_catalog.jsonb_build_object('active', EXISTS ({active}), 'archival', ({archived})) AS result"
        );
        let values = values.0;
        let found = ask(db, &Sql { text, values }).await?;
        serde_json::from_value(found.unwrap_or_default()).map_err(unexpected_answer)
    }

    fn not_updated(&self) -> Error {
        Error::Drift(DriftError::Trigger {
            message: format!(
                "{} {} has lock version {}, and an update does not change it: let the triggers and the row security policies of the table pass the update",
                table_name::<E>(),
                self.key(),
                self.expected,
            ),
        })
    }

    fn moving_row(&self) -> Error {
        Error::Retry(RetryError::MovingRow {
            table: table_name::<E>(),
            key: self.key(),
        })
    }

    fn key(&self) -> Box<Json> {
        key_json::<E>(&self.key)
    }
}

/// Where a row is that the update did not find.
#[derive(Default, Deserialize)]
struct MissingRow {
    /// Whether it has been restored since.
    active: bool,
    archival: Option<i64>,
}

/// A query for the archival of an archived row. The archive table has the columns of the table, and its name as
/// alias, so that the conditions on the columns of the entity apply to it.
fn archived<E: EntityTrait>(declaration: &Declaration, key: &[Value]) -> SelectStatement {
    let DeclaredName { schema, table } = &declaration.archive_table;
    let archive_table = match schema {
        Some(schema) => (Alias::new(schema), Alias::new(table)).into_table_ref(),
        None => Alias::new(table).into_table_ref(),
    };
    let mut select = Query::select();
    select
        .column(Alias::new(&declaration.added.archival_id))
        .from_as(archive_table, Alias::new(E::default().table_name()));
    for (column, value) in E::PrimaryKey::iter().zip(key) {
        select.and_where(is_value(column.into_column(), value));
    }
    select
}
