//! The API for migrations: stamps.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{
    stamps::{create, options::StampedTable, remove},
    work::Work,
};

/// Adds the methods for stamps to a [`SchemaManager`]: the database records who created a row, who changed it last, and
/// when.
///
/// Each method does all of its work or nothing, and needs
/// [`install_archive`](crate::ArchiveSchema::install_archive) to have run.
pub trait StampSchema {
    /// Stamps the rows of a table: `created_at`, `created_by`, `updated_at` and `updated_by`.
    ///
    /// The actor is that of the `Context` of the transaction. A new row gets its stamps from the defaults of the
    /// columns. An update sets `updated_at` and `updated_by` and preserves the other two, whatever the client sends.
    /// Where the context has no actor, `updated_by` becomes NULL, because the earlier actor did not write this update.
    /// An update that changes nothing does not stamp, and neither do archive and restore, nor the links that they
    /// detach and restore. For `posts` the database then runs
    ///
    /// ```sql
    /// ALTER TABLE "public"."posts"
    ///     ADD COLUMN "created_at" timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
    ///     ADD COLUMN "created_by" bigint,
    ///     ADD COLUMN "updated_at" timestamp with time zone NOT NULL DEFAULT pg_catalog.now(),
    ///     ADD COLUMN "updated_by" bigint; -- and the same in the archive table, where there is one
    /// ALTER TABLE "public"."posts"
    ///     ALTER COLUMN "created_by" SET DEFAULT archive.actor_as(NULL::pg_catalog.int8),
    ///     ALTER COLUMN "updated_by" SET DEFAULT archive.actor_as(NULL::pg_catalog.int8);
    /// CREATE FUNCTION archive."posts_1_stamp"() RETURNS trigger ..;
    /// CREATE TRIGGER zz_stamp BEFORE UPDATE ON "public"."posts"
    ///     FOR EACH ROW EXECUTE FUNCTION archive."posts_1_stamp"();
    /// ```
    ///
    /// Existing rows get the current time and no actor. Existing columns of these names are used unchanged; those
    /// without a default get one. `archive.actor_as(NULL::type)` is `archive.current_actor()` as
    /// that type. It may run again, and adds what is missing.
    ///
    /// An INSERT may set its stamps, as an import has to. The audit log is what cannot be forged.
    ///
    /// [`alter_archived_table`](crate::ArchiveSchema::alter_archived_table) refuses to rename or drop a column of the
    /// stamps. After such a change with plain SQL, updates fail: call [`unstamp_table`](Self::unstamp_table) before.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or it is a partition, an archive table, or inherited from; where a column of these names
    /// has another type, such as a timestamp without time zone, or is generated; where the table is stamped in
    /// other columns; where it has another trigger `zz_stamp`; where a column has the name of one that the archive table
    /// adds; and where the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{StampSchema, StampedTable};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.stamp_table("posts").await?;
    /// manager
    ///     .stamp_table(
    ///         StampedTable::new(("billing", "invoices"))
    ///             .by(ColumnType::Uuid)
    ///             .created_at_column("issued_at")
    ///             .without_updated_by(),
    ///     )
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn stamp_table(
        &self,
        table: impl Into<StampedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Stops stamping a table; the `down` of [`stamp_table`](Self::stamp_table).
    ///
    /// In the database: the trigger, its function, and the defaults that `stamp_table` set are dropped. The columns
    /// stay, also in the archive table, since they hold data; drop them with
    /// [`alter_archived_table`](crate::ArchiveSchema::alter_archived_table) if that is intended. A `created_at` that
    /// is NOT NULL has no default then, so an INSERT has to set it. Nothing happens where there is no such table,
    /// or it is not stamped.
    ///
    /// # Errors
    ///
    /// Where the role does not own the table.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::StampSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.unstamp_table("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn unstamp_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl StampSchema for SchemaManager<'_> {
    fn stamp_table(
        &self,
        table: impl Into<StampedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = table.into();
        Work::of(self, async move |work| create::stamp(work, &table).await)
    }

    fn unstamp_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            remove::unstamp(work, name).await
        })
    }
}
