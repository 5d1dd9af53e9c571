//! The API for migrations: the audit log.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{
    audit::{AuditedTable, apply, install, partition},
    work::Work,
};

/// Adds the methods for the audit log to a [`SchemaManager`].
///
/// Triggers in the database write the log: every change of a row of an audited table leaves an entry, whether by
/// SeaORM, in plain SQL, in bulk or through a cascade. Each method does all of its work or nothing, and
/// needs [`install_archive`](crate::ArchiveSchema::install_archive) to have run.
pub trait AuditSchema {
    /// Creates the log, with partitions for this month and the next three.
    ///
    /// In the database: `archive.audit_entry`, partitioned by month, and its default partition, for entries of
    /// months without a partition; `archive.audit_details`, the details of requests; the register
    /// `archive.audited_table`; `archive.audit_move`, empty between transactions; and functions. Run it again
    /// after an update of the crate: it replaces the functions, also those of audited tables.
    ///
    /// # Errors
    ///
    /// Where the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, AuditedTable};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.install_archive().await?;
    /// manager.install_audit().await?;
    /// manager.audit_table("posts").await?;
    /// manager
    ///     .audit_table(AuditedTable::new("users").exclude(["last_seen_at"]).redact(["password_hash"]))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn install_audit(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the log with all its entries; the `down` of [`install_audit`](Self::install_audit).
    ///
    /// # Errors
    ///
    /// While a table is audited.
    fn uninstall_audit(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Audits a table from now on. Another call replaces the options of the table.
    ///
    /// In the database: a trigger function for the table, `archive.audit_` and a number, SECURITY DEFINER with a
    /// fixed `search_path`, and four statement triggers on the table, on each of its partitions, and on its
    /// archive table: AFTER INSERT, UPDATE and DELETE with transition tables, and BEFORE TRUNCATE. The table is locked
    /// against writes meanwhile, and does not change.
    ///
    /// The entry of an UPDATE contains the old and new values of the columns that changed, that of an INSERT the new row,
    /// that of a DELETE or a TRUNCATE the old row. A row that is archived or restored leaves one entry, ARCHIVE or
    /// RESTORE, with the id of the archival. An update of the primary key is logged as a DELETE and an INSERT.
    /// An update that sets the same value, byte for byte, leaves none.
    ///
    /// Columns that are added later are audited as well, but slower until this or
    /// [`alter_archived_table`](crate::ArchiveSchema::alter_archived_table) is called again. A partition that is
    /// attached later is audited when its table is changed; for changes by its own name call this again.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or no log; where the table has no primary key, is a partition, is inherited
    /// from, or is an archive table; where a column to exclude or redact does not exist, or is part of the key.
    ///
    /// See [`install_audit`](Self::install_audit) for an example.
    fn audit_table(
        &self,
        table: impl Into<AuditedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Stops auditing a table; the `down` of [`audit_table`](Self::audit_table). Its entries stay.
    ///
    /// Nothing happens where it is not audited.
    fn unaudit_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Creates the partitions of this month and of the next `months`, 24 at most.
    ///
    /// Entries of these months move there from the default partition. Call it from a
    /// migration; an application calls `sea_orm_archive::audit::make_partitions(&db, months)`, and cron
    /// `psql -c 'SELECT archive.make_audit_partitions(3)'`. Where no partition is missing it takes no lock. Otherwise PostgreSQL
    /// locks the default partition until the end of the transaction: reads of the log wait, and so do writes in a month
    /// without a partition. So call it in a short transaction.
    ///
    /// # Errors
    ///
    /// Where another transaction reads the log, or maintains it, for more than two seconds.
    fn make_audit_partitions(&self, months: i32) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the entries of every month that ended before the month of `before`, a date such as `2026-01-31`.
    ///
    /// In the database: DROP TABLE of those partitions, which locks the log briefly, and a DELETE from
    /// the default one. Reading a row as of an earlier time is an error afterwards.
    ///
    /// # Errors
    ///
    /// Where `before` is not a date.
    fn drop_audit_partitions(
        &self,
        before: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role read the log.
    ///
    /// In the database: USAGE on the schema, SELECT on the log. Only its owner can change, delete or
    /// forge entries, so let the application log in as another role than the one that migrates.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    fn grant_audit(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Revokes what [`grant_audit`](Self::grant_audit) granted.
    fn revoke_audit(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role create partitions of the log, and drop the months that its retention rule lets expire, for a task of the application or
    /// for cron. The role cannot read entries.
    ///
    /// In the database: USAGE on the schema, EXECUTE on `archive.make_audit_partitions(integer)`, `archive.expired_audit()` and
    /// `archive.drop_expired_audit()`, which run as the owner of the log. A transaction of such a role can block reads of the log for as long as it is open.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    fn grant_audit_maintenance(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Revokes what [`grant_audit_maintenance`](Self::grant_audit_maintenance) granted.
    fn revoke_audit_maintenance(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl AuditSchema for SchemaManager<'_> {
    async fn install_audit(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::install(work).await).await
    }

    async fn uninstall_audit(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::uninstall(work).await).await
    }

    fn audit_table(
        &self,
        table: impl Into<AuditedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = table.into();
        Work::of(self, async move |work| apply::audit(work, &table).await)
    }

    fn unaudit_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            apply::unaudit(work, name).await
        })
    }

    async fn make_audit_partitions(&self, months: i32) -> Result<(), DbErr> {
        Work::of(self, async |work| partition::create(work, months).await).await
    }

    fn drop_audit_partitions(
        &self,
        before: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let before = before.into();
        Work::of(self, async move |work| {
            partition::drop_before(work, &before).await
        })
    }

    fn grant_audit(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| install::grant(work, &role).await)
    }

    fn revoke_audit(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| install::revoke(work, &role).await)
    }

    fn grant_audit_maintenance(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::grant_maintenance(work, &role).await
        })
    }

    fn revoke_audit_maintenance(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::revoke_maintenance(work, &role).await
        })
    }
}
