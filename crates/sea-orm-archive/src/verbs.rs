//! The verbs, as methods of the entity and of the model.

use std::future::Future;

use sea_orm::{EntityTrait, ModelTrait, QueryFilter, QueryOrder, Related, SelectTwo};

use crate::archival;
use crate::archive::{ArchiveMany, ArchiveOne};
use crate::deletion;
use crate::entity::{Archivable, Restorable};
use crate::error::Error;
use crate::exec::Executor;
use crate::hold::PlaceHold;
use crate::purge::{PurgeArchival, PurgeArchivals, PurgeExpired, PurgeMany};
use crate::report::{Purged, Restored};
use crate::restore::{RestoreArchival, RestoreArchivals, RestoreMany, RestoreOne};
use crate::row::{Key, is_root, key_of, key_values};

/// The verbs of an archivable entity: `post::Entity::archive_by_id(42)`.
pub trait ArchiveEntity: Archivable {
    /// Archives the row with this primary key, and everything below it.
    fn archive_by_id(key: impl Into<Key<Self>>) -> ArchiveOne<Self> {
        ArchiveOne::new(key_values(key.into()))
    }

    /// Archives every row that a filter finds, each as an archival of its own.
    fn archive_many() -> ArchiveMany<Self> {
        ArchiveMany::new()
    }

    /// Restores the row with this primary key, and everything that was archived with it.
    fn restore_by_id(key: impl Into<Key<Self>>) -> RestoreOne<Self> {
        RestoreOne::new(key_values(key.into()))
    }

    /// Restores every archival whose root a filter on the deleted entity finds.
    ///
    /// ```no_run
    /// # mod post {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
    /// #     #[sea_orm(table_name = "posts")]
    /// #     #[archive(deleted_by = "i64")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use sea_orm::ColumnTrait;
    /// use sea_orm_archive::prelude::*;
    ///
    /// # async fn restore(db: &sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// let restored = post::Entity::restore_many()
    ///     .filter(post::deleted::Column::DeletedBy.eq(7))
    ///     .skip_conflicts()
    ///     .exec(db)
    ///     .await?;
    /// println!("{} restored, {} skipped", restored.archivals.len(), restored.skipped.len());
    /// # Ok(())
    /// # }
    /// ```
    fn restore_many() -> RestoreMany<Self> {
        RestoreMany::new()
    }

    /// Deletes every archival whose root a filter on the deleted entity finds from the archive tables for good.
    ///
    /// ```no_run
    /// # mod post {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
    /// #     #[sea_orm(table_name = "posts")]
    /// #     #[archive(deleted_by = "i64")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use std::time::Duration;
    ///
    /// use sea_orm::ColumnTrait;
    /// use sea_orm_archive::prelude::*;
    ///
    /// # async fn purge(db: &sea_orm::DatabaseConnection) -> Result<(), Error> {
    /// let old = post::Entity::purge_many()
    ///     .filter(post::deleted::Column::DeletedBy.eq(7))
    ///     .older_than(Duration::from_secs(90 * 86_400));
    /// println!("{:?}", old.clone().preview(db).await?.rows);
    /// let mut batches = old.by(1).in_batches(1_000);
    /// while let Some(purged) = batches.next(db).await? {
    ///     println!("{} archivals", purged.archivals);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn purge_many() -> PurgeMany<Self> {
        PurgeMany::new()
    }

    /// Keeps the row with this primary key from being deleted for good, whether it is active or archived. See [`hold`](crate::hold).
    fn hold_by_id(key: impl Into<Key<Self>>, reason: impl Into<String>) -> PlaceHold {
        PlaceHold::on_row::<Self>(&key_values(key.into()), reason.into())
    }

    /// Keeps every archival with rows of this table from being deleted for good. See [`hold`](crate::hold).
    fn hold_table(reason: impl Into<String>) -> PlaceHold {
        PlaceHold::on_table::<Self>(reason.into())
    }

    /// The list of deleted rows: every archived row of this table that is the root of its archival, with the archival
    /// record (who archived it, when, and why). The newest archival comes first.
    ///
    /// Returns a `Select` of two entities that can be filtered, paged and counted; one statement. The archival
    /// is always `Some`.
    ///
    /// ```no_run
    /// # mod post {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
    /// #     #[sea_orm(table_name = "posts")]
    /// #     #[archive(deleted_by = "i64")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #         pub title: String,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use sea_orm::PaginatorTrait;
    /// use sea_orm_archive::prelude::*;
    ///
    /// # async fn list(db: &sea_orm::DatabaseConnection) -> Result<(), sea_orm::DbErr> {
    /// let page = post::Entity::find_deleted_roots().paginate(db, 50).fetch_page(0).await?;
    /// for (post, archival) in page {
    ///     if let Some(archival) = archival {
    ///         println!("{} by {:?}: {:?}", post.title, archival.archived_by, archival.reason);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn find_deleted_roots() -> SelectTwo<Self::Deleted, archival::Entity>
    where
        Self::Deleted: Related<archival::Entity>,
    {
        Self::Deleted::find()
            .find_also_related(archival::Entity)
            .filter(is_root::<Self>())
            .order_by_desc(archival::Column::Id)
    }

    /// The active and the deleted rows of this table, each with its deletion: when, by whom and in which archival. The
    /// deletion of an active row is `None`.
    ///
    /// Returns a `Select` of two entities: filter and order it by `post::Column` and by
    /// [`deletion::Column`], join, page and count it. It is one statement, which reads the table and
    /// its archive table in one snapshot. The role needs SELECT on both; row-level security of both applies.
    ///
    /// The statement selects the columns of this entity from both tables, so a migration helper that changes them changes
    /// what it returns. A role without SELECT on the archive table gets the error of PostgreSQL, also where a filter
    /// excludes the deleted rows.
    ///
    /// ```no_run
    /// # mod post {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveArchive)]
    /// #     #[sea_orm(table_name = "posts")]
    /// #     #[archive(deleted_by = "i64")]
    /// #     pub struct Model {
    /// #         #[sea_orm(primary_key)]
    /// #         pub id: i64,
    /// #         pub title: String,
    /// #         pub author_id: i64,
    /// #     }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder};
    /// use sea_orm_archive::prelude::*;
    ///
    /// # async fn list(db: &sea_orm::DatabaseConnection) -> Result<(), sea_orm::DbErr> {
    /// let posts = post::Entity::find_with_deleted()
    ///     .filter(post::Column::AuthorId.eq(7))
    ///     .order_by_desc(post::Column::Id)
    ///     .paginate(db, 50);
    /// for (post, deletion) in posts.fetch_page(0).await? {
    ///     match deletion {
    ///         None => println!("{}", post.title),
    ///         Some(deletion) => println!("{}, deleted at {}", post.title, deletion.deleted_at),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn find_with_deleted() -> SelectTwo<Self, deletion::Entity> {
        deletion::find_with_deleted()
    }
}

impl<E: Archivable> ArchiveEntity for E {}

/// The verb of the model of an archivable entity: `post.archive(&db)`.
pub trait ArchiveModel: ModelTrait<Entity: Archivable> {
    /// Archives this row, and everything below it. See [`ArchiveOne::exec`].
    fn archive<C>(self, db: &C) -> impl Future<Output = Result<archival::Model, Error>> + Send
    where
        C: Executor,
    {
        let archive = ArchiveOne::<Self::Entity>::new(key_of(&self));
        async move { archive.exec(db).await }
    }
}

impl<M: ModelTrait<Entity: Archivable>> ArchiveModel for M {}

/// The verb of the model of a deleted entity: `deleted_post.restore(&db)`.
pub trait RestoreModel: ModelTrait<Entity: Restorable> {
    /// Restores this row, and everything that was archived with it. See [`RestoreOne::exec`].
    fn restore<C>(self, db: &C) -> impl Future<Output = Result<Restored, Error>> + Send
    where
        C: Executor,
    {
        let restore = RestoreOne::<<Self::Entity as Restorable>::Active>::new(key_of(&self));
        async move { restore.exec(db).await }
    }
}

impl<M: ModelTrait<Entity: Restorable>> RestoreModel for M {}

impl archival::Model {
    /// Restores everything that this archival moved. See [`RestoreArchival::exec`].
    ///
    /// # Errors
    ///
    /// As [`RestoreArchival::exec`].
    pub async fn restore<C>(&self, db: &C) -> Result<Restored, Error>
    where
        C: Executor,
    {
        archival::Entity::restore_by_id(self.id).exec(db).await
    }

    /// Deletes everything that this archival moved from the archive tables for good. See [`PurgeArchival::exec`].
    ///
    /// # Errors
    ///
    /// As [`PurgeArchival::exec`].
    pub async fn purge<C>(&self, db: &C) -> Result<Purged, Error>
    where
        C: Executor,
    {
        archival::Entity::purge_by_id(self.id).exec(db).await
    }
}

impl archival::Entity {
    /// Restores everything that the archival with this id moved.
    pub fn restore_by_id(archival: i64) -> RestoreArchival {
        RestoreArchival::new(archival)
    }

    /// Restores every archival that a filter finds, whatever its tables are.
    pub fn restore_many() -> RestoreArchivals {
        RestoreArchivals::new()
    }

    /// Deletes everything that the archival with this id moved from the archive tables for good.
    pub fn purge_by_id(archival: i64) -> PurgeArchival {
        PurgeArchival::new(archival)
    }

    /// Deletes everything that the archivals which a filter finds moved from the archive tables for good, whatever their tables are.
    pub fn purge_many() -> PurgeArchivals {
        PurgeArchivals::new()
    }

    /// Keeps the archival with this id from being purged and from being restored. See [`hold`](crate::hold).
    pub fn hold_by_id(archival: i64, reason: impl Into<String>) -> PlaceHold {
        PlaceHold::on_archival(archival, reason.into())
    }

    /// Deletes for good what the retention rules let expire. Migrations declare the rules, with `manager.retain(..)`.
    ///
    /// ```no_run
    /// use sea_orm_archive::archival;
    ///
    /// # async fn purge(db: &sea_orm::DatabaseConnection) -> Result<(), sea_orm_archive::Error> {
    /// for policy in archival::Entity::purge_expired().preview(db).await? {
    ///     println!("{}: {} of {} since {}", policy.policy, policy.expired, policy.table, policy.oldest);
    /// }
    /// let purged = archival::Entity::purge_expired().by("nightly").exec(db).await?;
    /// println!("{} archivals, {:?}", purged.archivals, purged.rows);
    /// # Ok(())
    /// # }
    /// ```
    pub fn purge_expired() -> PurgeExpired {
        PurgeExpired::new()
    }
}
