//! The API for migrations: tables that mark deleted rows.

use std::future::Future;

use sea_orm_migration::{
    DbErr, SchemaManager,
    sea_query::{IntoTableRef, TableRef},
};

use crate::{AdoptPreview, Adopted, AdoptedBatch, SoftDeleted, adopt, work::Work};

/// How often a batch begins again because another transaction had locked a row.
const ATTEMPTS: u32 = 50;

/// Adds the methods for tables that mark deleted rows to a [`SchemaManager`].
///
/// Each method does all of its work or nothing, and needs
/// [`install_archive`](crate::ArchiveSchema::install_archive) to have run.
pub trait AdoptSchema {
    /// Turns tables that mark deleted rows, in a column such as `deleted_at`, into tables with archive tables.
    ///
    /// The marked rows become archived rows with their times, persons and reasons. Rows that were deleted together become one archival: a
    /// marked row belongs to the archival of a row that it refers to if both have the same time, and its person and reason are empty or the
    /// same. Name all tables that refer to each other in one call, in any order.
    ///
    /// Returns how many rows of which table were archived, in how many archivals, and which indexes and columns changed. A table that was
    /// adopted before is left out.
    ///
    /// In the database, in one transaction, for each table:
    ///
    /// ```sql
    /// LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE;
    /// CREATE TABLE deleted_posts (..);                        -- as archive_existing_table
    /// WITH moved AS (DELETE FROM posts .. RETURNING ..) INSERT INTO deleted_posts SELECT .. FROM moved;
    /// INSERT INTO archive.archival ..;                        -- metadata: {"adopted": true, ..}
    /// CREATE UNIQUE INDEX ON posts (slug);                    -- in place of the one WHERE deleted_at IS NULL
    /// ALTER TABLE posts DROP COLUMN deleted_at, ..;           -- and in deleted_posts
    /// ```
    ///
    /// All rows of both tables are hashed before and after the move, and compared. Triggers of the application do not fire, and `updated_at`
    /// does not change. The audit log records the rows as archived.
    ///
    /// # Errors
    ///
    /// One error lists everything that prevents the adoption, with what to do: marked rows without a time, or with one in the future; rows
    /// that are not marked and refer to marked ones; rows of other tables that refer to marked ones; triggers on DELETE; views, policies,
    /// constraints and indexes that need the marking columns. [`preview_adopt`](Self::preview_adopt) lists the same.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{AdoptSchema, SoftDeleted};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// let adopted = manager
    ///     .adopt_soft_deleted([
    ///         SoftDeleted::new("tickets")
    ///             .deleted_at("deleted_at")
    ///             .deleted_by("deleted_by")
    ///             .reason("delete_reason"),
    ///         SoftDeleted::new("comments").deleted_at("deleted_at"),
    ///         SoftDeleted::unmarked("ticket_tags"),
    ///     ])
    ///     .await?;
    /// println!("{} rows in {} archivals", adopted.rows(), adopted.archivals);
    /// # Ok(())
    /// # }
    /// ```
    fn adopt_soft_deleted<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<Adopted, DbErr>> + Send;

    /// Returns what [`adopt_soft_deleted`](Self::adopt_soft_deleted) would do, and what prevents it. Changes nothing.
    ///
    /// It locks no table, so its numbers are those of a moment; a table that forces row-level security on its owner is locked. Every table is read, and collected rows are copied to a temporary table,
    /// which is dropped.
    ///
    /// # Errors
    ///
    /// Where there is no such table or column, or a column has no type of a mark.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{AdoptSchema, SoftDeleted};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn look(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// let preview = manager
    ///     .preview_adopt([SoftDeleted::new("posts").deleted_at("deleted_at")])
    ///     .await?;
    /// for problem in preview.problems {
    ///     println!("{problem}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn preview_adopt<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<AdoptPreview, DbErr>> + Send;

    /// Creates the archive tables of an adoption, and moves nothing: before [`adopt_batch`](Self::adopt_batch), or before
    /// [`suspend_trigger`](crate::TriggerSchema::suspend_trigger).
    ///
    /// The columns that an archive table adds are called `deleted_at_archive` and `deleted_by_archive` where the table has `deleted_at` and
    /// `deleted_by` itself, until `adopt_soft_deleted` has dropped these.
    ///
    /// # Errors
    ///
    /// As [`archive_existing_table`](crate::ArchiveSchema::archive_existing_table).
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{AdoptSchema, SoftDeleted};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager
    ///     .begin_adoption([SoftDeleted::new("posts").deleted_at("deleted_at")])
    ///     .await
    /// # }
    /// ```
    fn begin_adoption<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Moves about so many marked rows, at least one, beside traffic, the oldest first, with all rows that were deleted together with them.
    ///
    /// Call it until [`AdoptedBatch::left`] is as small as it gets, on a connection and not in the transaction of a migration, so that each
    /// batch commits. Then `adopt_soft_deleted` moves the rest under its lock. It can be stopped and called again at any time: rows that
    /// moved are no longer marked rows. Marks of the last minute stay, since rows that are deleted together may not all be marked yet.
    ///
    /// In the database: row locks on the rows that move, for some milliseconds. It waits for no writer: where one has locked a row that
    /// would move, the row is left to a later batch, or the batch begins again.
    ///
    /// # Errors
    ///
    /// Where `begin_adoption` has not run; for the rows of the batch, as `adopt_soft_deleted`; where other transactions keep locking the
    /// rows that have to move together.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{AdoptSchema, SoftDeleted};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn adopt(db: &sea_orm_migration::sea_orm::DatabaseConnection) -> Result<(), DbErr> {
    /// let manager = SchemaManager::new(db);
    /// let posts = || [SoftDeleted::new("posts").deleted_at("deleted_at")];
    /// manager.begin_adoption(posts()).await?;
    /// loop {
    ///     let batch = manager.adopt_batch(posts(), 1000).await?;
    ///     println!("{} marked rows are left", batch.left);
    ///     if batch.adopted.rows() == 0 {
    ///         break;
    ///     }
    /// }
    /// // In a migration, when no build runs that reads or writes `deleted_at`.
    /// manager.adopt_soft_deleted(posts()).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn adopt_batch<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
        rows: u32,
    ) -> impl Future<Output = Result<AdoptedBatch, DbErr>> + Send;

    /// Turns all archived rows of adopted tables into marked rows again, and drops the archive tables; the `down` of
    /// [`adopt_soft_deleted`](Self::adopt_soft_deleted).
    ///
    /// The columns come back at the end of the table, with the types, defaults, indexes and constraints that they had. Rows that were
    /// archived since are marked with the time and the person of their archival. The records of adopted archivals are deleted; those of
    /// other archivals are marked as restored. Returns how many rows went back; 0 where the tables have no archive tables now.
    ///
    /// In the database, in one transaction:
    ///
    /// ```sql
    /// LOCK TABLE posts IN SHARE ROW EXCLUSIVE MODE;
    /// LOCK TABLE deleted_posts IN ACCESS EXCLUSIVE MODE;
    /// ALTER TABLE posts ADD COLUMN deleted_at timestamp with time zone, ..;
    /// CREATE UNIQUE INDEX posts_slug_key ON posts (slug) WHERE deleted_at IS NULL;
    /// WITH gone AS (DELETE FROM deleted_posts RETURNING ..) INSERT INTO posts SELECT .. FROM gone;
    /// DROP TABLE deleted_posts;
    /// ```
    ///
    /// # Errors
    ///
    /// Where a table was not adopted, is audited, or has a trigger on INSERT that is not suspended; where an archival also has rows of a
    /// table that is not named, or cut links; where rows are held; where a row no longer fits, such as a child of a purged row.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::AdoptSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager
    ///     .restore_soft_deleted(["tickets", "comments", "ticket_tags"])
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn restore_soft_deleted<T: IntoTableRef>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<u64, DbErr>> + Send;
}

impl AdoptSchema for SchemaManager<'_> {
    fn adopt_soft_deleted<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<Adopted, DbErr>> + Send {
        let tables = declared(tables);
        Work::of(self, async move |work| adopt::adopt(work, &tables).await)
    }

    fn preview_adopt<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<AdoptPreview, DbErr>> + Send {
        let tables = declared(tables);
        Work::preview(self, async move |work| adopt::preview(work, &tables).await)
    }

    fn begin_adoption<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let tables = declared(tables);
        Work::of(self, async move |work| adopt::begin(work, &tables).await)
    }

    fn adopt_batch<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
        rows: u32,
    ) -> impl Future<Output = Result<AdoptedBatch, DbErr>> + Send {
        let tables = declared(tables);
        async move {
            let mut attempts = ATTEMPTS;
            loop {
                let batch = async |work: &Work| adopt::adopt_batch(work, &tables, rows).await;
                match Work::of(self, batch).await {
                    Err(error) if attempts > 1 && adopt::is_locked(&error) => {
                        Work::of(self, async |work| adopt::wait(work).await).await?;
                        attempts -= 1;
                    }
                    result => return result,
                }
            }
        }
    }

    fn restore_soft_deleted<T: IntoTableRef>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<u64, DbErr>> + Send {
        let tables: Vec<TableRef> = tables
            .into_iter()
            .map(IntoTableRef::into_table_ref)
            .collect();
        Work::of(self, async move |work| adopt::restore(work, tables).await)
    }
}

fn declared<T: Into<SoftDeleted>>(tables: impl IntoIterator<Item = T>) -> Vec<SoftDeleted> {
    tables.into_iter().map(Into::into).collect()
}
