//! What a migration calls for the audit log.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{
    audit::{AuditedTable, apply, install, partition},
    work::Work,
};

/// The part of a [`SchemaManager`] that makes the audit log.
///
/// The database itself writes the log, in triggers: whoever changes a row of an audited table leaves an entry,
/// by SeaORM, in SQL by hand, in bulk or through a cascade. Each method does all of its work or nothing, and
/// needs [`install_archive`](crate::ArchiveSchema::install_archive) to have run.
pub trait AuditSchema {
    /// Creates the log, with partitions for this month and the next three.
    ///
    /// In the database: `archive.audit_entry`, partitioned by month, and its default partition, which takes what
    /// no month has a partition for; `archive.audit_details`, what is known of requests; the register
    /// `archive.audited_table`; `archive.audit_handover`, empty between transactions; and functions. Run it again
    /// after an update of the crate: it replaces the functions, those of audited tables too.
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

    /// Drops the log with every entry of it; the `down` of [`install_audit`](Self::install_audit).
    ///
    /// # Errors
    ///
    /// While a table is audited.
    fn uninstall_audit(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Audits a table from now on; called again, in the way that is said now.
    ///
    /// In the database: a trigger function of its own, `archive.audit_` and a number, SECURITY DEFINER with a
    /// pinned `search_path`, and four statement triggers on the table, on each of its partitions, and on its
    /// archive table: AFTER INSERT, UPDATE and DELETE with transition tables, and BEFORE TRUNCATE. The table is locked
    /// against writes meanwhile, and not changed.
    ///
    /// An entry of an UPDATE holds the old and new values of the columns that changed, of an INSERT the new row,
    /// of a DELETE and a TRUNCATE the old one. A row that is archived or restored leaves one entry, ARCHIVE or
    /// RESTORE, with the archival's id. A row whose primary key changes is another row: DELETE and INSERT.
    /// What changed to the same value, byte for byte, leaves none.
    ///
    /// Columns that are added later are audited as well: until this is called again, or
    /// [`alter_archived_table`](crate::ArchiveSchema::alter_archived_table), in a slower way. A partition that is
    /// attached later is audited through its table; for changes by its own name call this again.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or no log; where the table has no primary key, is a partition, is inherited
    /// from, or is an archive table; where a column to exclude or redact is not there, or is of the key.
    ///
    /// See [`install_audit`](Self::install_audit) for an example.
    fn audit_table(
        &self,
        table: impl Into<AuditedTable>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Audits a table no longer; the `down` of [`audit_table`](Self::audit_table). Its entries stay.
    ///
    /// Nothing happens where it is not audited.
    fn unaudit_table(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Makes the partitions of this month and of the next `months`, 24 at most.
    ///
    /// Entries that are in the default partition for want of one of these move there. Call it from a
    /// migration; an application calls `sea_orm_archive::audit::make_partitions(&db, months)`, and cron
    /// `psql -c 'SELECT archive.make_audit_partitions(3)'`. Where nothing is missing it takes no lock. Otherwise PostgreSQL
    /// locks the default partition until the end of the transaction: reads of the log wait, and writes in a month without a
    /// partition. So call it in a short transaction.
    ///
    /// # Errors
    ///
    /// Where another transaction reads the log, or maintains it, for more than two seconds.
    fn make_audit_partitions(&self, months: i32) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the entries of every month that ended before the month of `before`, a date such as `2026-01-31`.
    ///
    /// In the database: DROP TABLE of those partitions, which takes the log for a moment, and a DELETE from
    /// the default one. What a row was like before then cannot be told any more, and is an error to ask.
    ///
    /// # Errors
    ///
    /// Where `before` is no date.
    fn drop_audit_partitions(
        &self,
        before: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role read the log.
    ///
    /// In the database: USAGE on the schema, SELECT on the log. Nobody but its owner can change, delete or
    /// forge entries, so let the application log in as another role than the one that migrates.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    fn grant_audit(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Takes back what [`grant_audit`](Self::grant_audit) gave.
    fn revoke_audit(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role make partitions of the log, for a task of the application or for cron; it reads no entry by that.
    ///
    /// In the database: USAGE on the schema, EXECUTE on `archive.make_audit_partitions(integer)`, which runs as the owner of
    /// the log. A role that has it can let reads of the log wait for as long as a transaction of it is open.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    fn grant_audit_maintenance(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Takes back what [`grant_audit_maintenance`](Self::grant_audit_maintenance) gave.
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
        Work::of(self, async |work| partition::make(work, months).await).await
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
