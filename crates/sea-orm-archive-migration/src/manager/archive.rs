//! The API for migrations: installing the archive, and archive tables.

use std::{borrow::Borrow, future::Future};

use sea_orm_migration::{
    DbErr, SchemaManager,
    sea_query::{IntoTableRef, TableAlterStatement},
};

use crate::{
    ArchivedTable, ContextSettings, DroppedTable, ExistingTable,
    archive_table::{partition, remove, verbs},
    context, install,
    work::Work,
};

/// Adds the methods for archive tables to a [`SchemaManager`].
///
/// Each method does all of its work or nothing. [The crate](crate) describes archive tables.
pub trait ArchiveSchema {
    /// Creates the archival table, the registers, and the functions that archive and restore call.
    ///
    /// In the database: the schema `archive` with the archival table, the detached links, the holds, the registers and the functions of the
    /// runtime, all with IF NOT EXISTS or OR REPLACE. Run it again after an update of the crate: it replaces the functions.
    /// [`grant_archive`](Self::grant_archive) grants other roles the use of them; run that again, too.
    ///
    /// # Errors
    ///
    /// On a database other than PostgreSQL, and where the role may not create a schema.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.install_archive().await?;
    /// # Ok(())
    /// # }
    /// ```
    fn install_archive(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Gives the settings of the context other names than `app.current_user`, `app.current_org_id`,
    /// `app.request_id` and `app.request_details`.
    ///
    /// In the database: the names are stored in `archive.context_setting`, and the functions that read and
    /// write the settings are replaced. Programs do not change: they call those functions.
    ///
    /// # Errors
    ///
    /// Where the archive is not installed, and where a name is not two names with a dot between them.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{ArchiveSchema, ContextSettings};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.install_archive().await?;
    /// manager
    ///     .name_context_settings(ContextSettings::new().tenant("myapp.tenant_id"))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn name_context_settings(
        &self,
        settings: ContextSettings,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops what [`install_archive`](Self::install_archive) created, including the archival table.
    ///
    /// Archive tables that are still registered stay as tables. The schema `archive` stays if it contains
    /// other objects. Nothing happens where the archive is not installed.
    ///
    /// # Errors
    ///
    /// While a registered archive table holds rows: without the archival table they could not be restored. While
    /// a temporal foreign key exists, a table is stamped, or a table is under tenancy.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.uninstall_archive().await?;
    /// # Ok(())
    /// # }
    /// ```
    fn uninstall_archive(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role that does not own the schema `archive` archive and restore.
    ///
    /// In the database: USAGE on the schema, EXECUTE on its functions (but not on trigger functions and
    /// `make_audit_partitions`), SELECT on the archival table and the registers. The role also needs the
    /// privileges on the tables themselves; an archive table has the grants of its table.
    ///
    /// # Errors
    ///
    /// Where there is no such role, or the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.install_archive().await?;
    /// manager.grant_archive("web").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn grant_archive(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Revokes what [`grant_archive`](Self::grant_archive) granted; its `down`.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.revoke_archive("web").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn revoke_archive(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Creates a table and its archive table, and registers them.
    ///
    /// The statement is that of `manager.create_table(..)`. IF NOT EXISTS is added to it, so an existing
    /// table does not change. For `posts` the database then runs
    ///
    /// ```sql
    /// CREATE TABLE "public"."deleted_posts" (LIKE "public"."posts");
    /// ALTER TABLE "public"."deleted_posts"
    ///     ADD COLUMN "deleted_at" timestamp with time zone NOT NULL,
    ///     ADD COLUMN "deleted_by" bigint,
    ///     ADD COLUMN "archival_id" bigint NOT NULL;
    /// ALTER TABLE "public"."deleted_posts" ADD PRIMARY KEY ("id");
    /// CREATE INDEX ON "public"."deleted_posts" ("deleted_at");
    /// CREATE INDEX ON "public"."deleted_posts" ("archival_id");
    /// CREATE INDEX ON "public"."deleted_posts" ("author_id"); -- one for each foreign key
    /// ```
    ///
    /// and gives the archive table the owner, the grants, the row-level security and the policies of the
    /// table. A role that may DELETE active rows may INSERT archived ones. Where the default of the key
    /// draws from a sequence that no column owns, the column of the key owns it afterwards.
    ///
    /// # Errors
    ///
    /// Where the table has no primary key, is a partition, is inherited from, or has a column with the
    /// name of an added one; where `deleted_` and its name are longer than 63 bytes; where an existing
    /// table has the name of the archive table and does not fit; and where the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{ArchivedTable, ArchiveSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager
    ///     .create_archived_table(
    ///         Table::create()
    ///             .table("posts")
    ///             .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
    ///             .col(ColumnDef::new("title").text().not_null()),
    ///     )
    ///     .await?;
    ///
    /// manager
    ///     .create_archived_table(
    ///         ArchivedTable::new(
    ///             Table::create()
    ///                 .table("invoices")
    ///                 .col(ColumnDef::new("id").uuid().not_null().primary_key()),
    ///         )
    ///         .archive_table("invoice_archive")
    ///         .deleted_by(ColumnType::Uuid),
    ///     )
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn create_archived_table(
        &self,
        table: impl Into<ArchivedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops a table, its archive table and every row of both; the `down` of
    /// [`create_archived_table`](Self::create_archived_table).
    ///
    /// In the database: one DROP TABLE for both, without CASCADE. Nothing happens where there is no
    /// such table. Its archival records stay: a restore of an archival that had rows of other tables too brings those back, and counts
    /// the others in `Restored::missing`.
    ///
    /// Returns how many archived rows were dropped, and how many archivals they belong to.
    ///
    /// # Errors
    ///
    /// While a foreign key, a view or another object depends on one of the tables.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.drop_archived_table("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn drop_archived_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<DroppedTable, DbErr>> + Send;

    /// Gives an existing table an archive table, and registers them.
    ///
    /// The archive table is that of [`create_archived_table`](Self::create_archived_table). The table itself is
    /// locked against writes meanwhile, and does not change. An existing table with the name of the archive
    /// table becomes the archive table, with its rows, if all its columns fit.
    ///
    /// # Errors
    ///
    /// Where there is no such table, and as in [`create_archived_table`](Self::create_archived_table).
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.archive_existing_table("invoices").await?;
    /// manager.archive_existing_table(("shop", "orders")).await?;
    /// manager
    ///     .archive_existing_table(ExistingTable::new("users").deleted_by(ColumnType::Text))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn archive_existing_table(
        &self,
        table: impl Into<ExistingTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the archive table of a table, and not the table; the `down` of
    /// [`archive_existing_table`](Self::archive_existing_table).
    ///
    /// Nothing happens where there is no such table or no archive table.
    ///
    /// # Errors
    ///
    /// While the archive table holds rows, or another object depends on it.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.unarchive_existing_table("invoices").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn unarchive_existing_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Changes a table and its archive table together.
    ///
    /// The statement is that of `manager.alter_table(..)`. It runs on the table. Its changes of the columns are
    /// then applied to the archive table: columns added, renamed or dropped, types, NOT NULL. Foreign keys,
    /// defaults, identities, generated columns and unique constraints belong to the table alone; a new foreign
    /// key gets its index on the archive table. A new column gets the same values in archived rows as in active
    /// ones: its default, the next ids of an identity, or the value of a generated column. Dropping a column
    /// also drops its archived values.
    ///
    /// A type change with USING runs as the same statement on the archive table, so it needs a separate
    /// statement. To run twice, a statement needs `add_column_if_not_exists` and `drop_column_if_exists`, as
    /// with `alter_table`.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or it has no archive table; where archived rows do not fit, such as a new
    /// NOT NULL column without a default, or NOT NULL where an archived row has NULL; and as in
    /// [`sync_archived_table`](Self::sync_archived_table) where the tables differed before.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager
    ///     .alter_archived_table(
    ///         Table::alter()
    ///             .table("posts")
    ///             .add_column_if_not_exists(ColumnDef::new("views").integer().not_null().default(0)),
    ///     )
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn alter_archived_table(
        &self,
        statement: impl Borrow<TableAlterStatement>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Brings the archive table in line with its table after a change without the migration helpers.
    ///
    /// It adds new columns, filled with their default in archived rows; changes types, NOT NULL and the primary
    /// key; and adds indexes of new foreign keys, and missing grants, row-level security and policies. It drops
    /// columns that the table no longer has, if no archived row has a value in them. It sees a renamed column as a dropped one and a new
    /// one: rename it with [`alter_archived_table`](Self::alter_archived_table), or in the archive table with plain SQL.
    ///
    /// # Errors
    ///
    /// Where the archived rows do not fit, with the column and the number of rows: a new column
    /// that is NOT NULL and has no default, NULL where the table has NOT NULL, a type that they cannot be
    /// converted to, a dropped column in which they have values. And where the table has no archive table.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.sync_archived_table("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn sync_archived_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Creates the partitions of archive tables for the archivals of now, and for `ahead` partitions more, 100 at most. Drops empty
    /// partitions of earlier archivals, none of which is still archived.
    ///
    /// For archive tables with [`partitioned_by_archivals`](crate::ArchivedTable::partitioned_by_archivals). Cron calls
    /// `SELECT archive.make_archive_partitions(3)`. Rows without a partition stay in the default partition. Where one is missing,
    /// PostgreSQL locks the default partition until the transaction ends, and to drop one the archive table: call it in a short one.
    ///
    /// # Errors
    ///
    /// Where another transaction holds a lock on such an archive table for more than two seconds.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # async fn up(manager: &sea_orm_migration::SchemaManager<'_>) -> Result<(), sea_orm_migration::DbErr> {
    /// manager.make_archive_partitions(3).await
    /// # }
    /// ```
    fn make_archive_partitions(&self, ahead: i32)
    -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Sets the sequence of a table's key past the ids of the table and its archive table.
    ///
    /// Call it after an import of rows with ids. The next id is the first of the sequence after the
    /// maximum over both tables (the minimum, if it counts down), or its start where both are empty.
    ///
    /// Race: both tables are locked against writes meanwhile, but a session may have drawn an id that it has
    /// not inserted yet, or several ids in advance (CACHE).
    ///
    /// # Errors
    ///
    /// Where there is no such table, or its key does not own a sequence.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.reset_id_sequence("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn reset_id_sequence(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Sets the sequences of the schema `archive` past the ids of their tables: of archivals, of entries of the audit
    /// log and their details, and of the registers.
    ///
    /// Call it once after rows were copied without their sequences, as logical replication does before a
    /// switch-over. A sequence that is past the ids already does not change. In the database, for each table with
    /// an identity column:
    ///
    /// ```sql
    /// LOCK TABLE archive.archival IN SHARE ROW EXCLUSIVE MODE;
    /// SELECT setval('archive.archival_id_seq', max(id)) FROM archive.archival;
    /// ```
    ///
    /// # Errors
    ///
    /// Where the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ArchiveSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.reset_archive_sequences().await?;
    /// # Ok(())
    /// # }
    /// ```
    fn reset_archive_sequences(&self) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl ArchiveSchema for SchemaManager<'_> {
    async fn install_archive(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::install(work).await).await
    }

    async fn uninstall_archive(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::uninstall(work).await).await
    }

    fn grant_archive(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| install::grant(work, &role).await)
    }

    fn revoke_archive(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| install::revoke(work, &role).await)
    }

    fn create_archived_table(
        &self,
        table: impl Into<ArchivedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = table.into();
        Work::of(self, async move |work| verbs::create(work, table).await)
    }

    fn drop_archived_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<DroppedTable, DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            remove::both(work, name).await
        })
    }

    fn archive_existing_table(
        &self,
        table: impl Into<ExistingTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = table.into();
        Work::of(self, async move |work| {
            verbs::adopt(work, &table.table, &table.archive_table).await
        })
    }

    async fn name_context_settings(&self, settings: ContextSettings) -> Result<(), DbErr> {
        Work::of(self, async |work| context::rename(work, &settings).await).await
    }

    fn unarchive_existing_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            remove::archive_table(work, name).await
        })
    }

    fn alter_archived_table(
        &self,
        statement: impl Borrow<TableAlterStatement>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let statement = statement.borrow().clone();
        Work::of(self, async move |work| {
            verbs::change(work, &statement).await
        })
    }

    fn sync_archived_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            verbs::synchronise(work, name).await
        })
    }

    fn reset_id_sequence(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            verbs::reset(work, name).await
        })
    }

    async fn make_archive_partitions(&self, ahead: i32) -> Result<(), DbErr> {
        Work::of(self, async |work| partition::create(work, ahead).await).await
    }

    async fn reset_archive_sequences(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::reset_sequences(work).await).await
    }
}
