//! Joins any entity to the version that was valid at the time in one of its columns.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{Condition, Expr, JoinType};
use sea_orm::{EntityTrait, QueryTrait, Select, SelectTwo};

use super::entity::{Bitemporal, History};
use super::recorded_at::{Known, own_name};
use crate::row::equals_column;

/// The joins of a query of any entity with a history: an audit row finds the name of the department at its
/// `changed_at`.
pub trait JoinVersion<E: EntityTrait>: Sized {
    /// Selects with each row the version that was valid at its time, or `None`.
    ///
    /// `identity` are the columns of `E` that contain the identity, in the order of the history's columns; `at`
    /// is the column with the time. The columns of the version can be used in filters.
    ///
    /// Runs as a `LEFT JOIN LATERAL` of [`find_version_at`](super::HistoryEntity::find_version_at): one search
    /// in a btree for each row.
    ///
    /// ```
    /// # mod department_history {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveHistory)]
    /// #     #[sea_orm(table_name = "department_history")]
    /// #     #[history(identity = "department_id")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #         pub department_id: i64,
    /// #         pub name: String,
    /// #         pub valid_from: DateTimeUtc,
    /// #         pub valid_to: Option<DateTimeUtc>,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # mod user_audit {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    /// #     #[sea_orm(table_name = "user_audit")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #         pub department_id: i64,
    /// #         pub changed_at: DateTimeUtc,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use sea_orm::entity::prelude::*;
    /// use sea_orm_archive::prelude::*;
    ///
    /// # async fn read(db: &sea_orm::DatabaseConnection) -> Result<(), DbErr> {
    /// let rows: Vec<(user_audit::Model, Option<department_history::Model>)> =
    ///     user_audit::Entity::find()
    ///         .find_also_version_at::<department_history::Entity>(
    ///             [user_audit::Column::DepartmentId],
    ///             user_audit::Column::ChangedAt,
    ///         )
    ///         .all(db)
    ///         .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn find_also_version_at<H: History>(
        self,
        identity: impl IntoIterator<Item = E::Column>,
        at: E::Column,
    ) -> SelectTwo<E, H>;

    /// The same, with the versions as they were known at a time.
    fn find_also_version_as_known_at<H: Bitemporal>(
        self,
        identity: impl IntoIterator<Item = E::Column>,
        at: E::Column,
        known: DateTimeUtc,
    ) -> SelectTwo<E, H>;
}

impl<E: EntityTrait> JoinVersion<E> for Select<E> {
    fn find_also_version_at<H: History>(
        self,
        identity: impl IntoIterator<Item = E::Column>,
        at: E::Column,
    ) -> SelectTwo<E, H> {
        join(self, &Known::<H>::now(), identity, at)
    }

    fn find_also_version_as_known_at<H: Bitemporal>(
        self,
        identity: impl IntoIterator<Item = E::Column>,
        at: E::Column,
        known: DateTimeUtc,
    ) -> SelectTwo<E, H> {
        join(self, &Known::<H>::at(known), identity, at)
    }
}

fn join<E: EntityTrait, H: History>(
    mut select: Select<E>,
    known: &Known<H>,
    identity: impl IntoIterator<Item = E::Column>,
    at: E::Column,
) -> SelectTwo<E, H> {
    let (own, theirs) = (own_name::<H>(), own_name::<E>());
    let mut same = Condition::all();
    for (column, other) in H::columns().identity.into_iter().zip(identity) {
        let this = Expr::col((own.clone(), column));
        let other = Expr::col((theirs.clone(), other));
        same = same.add(equals_column(this, column, other));
    }
    let version = known.version_query(same, Expr::col((theirs, at)));
    QueryTrait::query(&mut select).join_lateral(
        JoinType::LeftJoin,
        version,
        own,
        Condition::all().add(Expr::val(true)),
    );
    select.select_also(H::default())
}
