//! The API for migrations: how long what was archived stays.

use std::future::Future;

use sea_orm_migration::{
    DbErr, SchemaManager,
    sea_query::{IntoTableRef, TableRef},
};

use crate::{
    archive_table::register,
    retention::{self, Retention, Subject},
    work::Work,
};

/// Adds the methods for retention to a [`SchemaManager`].
///
/// A rule purges nothing itself: `archival::Entity::purge_expired()`, or `CALL archive.purge_all_expired()` in cron, purges what the rules
/// let expire. Without a rule everything stays for ever. Each method does all of its work or nothing, and needs
/// [`install_archive`](crate::ArchiveSchema::install_archive) to have run.
pub trait RetentionSchema {
    /// Lets archivals with a root in this table expire: how long after the archive their rows may be purged.
    ///
    /// A rule with `metadata` precedes one with `tenant`, and that precedes the default of the table. Of several that are equally
    /// specific the longest holds. A rule with the same table, tenant and metadata is replaced.
    ///
    /// In the database: a row of `archive.retention`. The rule follows the table when it is renamed, and is deleted with its archive
    /// table. After this has committed, nothing is purged by the rule that it replaced.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or it has no archive table; where the rule lasts more than 365,000 days.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Retention, RetentionSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # use serde_json::json;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.retain("posts", Retention::days(90)).await?;
    /// manager
    ///     .retain("posts", Retention::days(3650).metadata(json!({"kind": "invoice"})).named("tax law"))
    ///     .await?;
    /// manager.retain("posts", Retention::forever().tenant("7")).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn retain(
        &self,
        table: impl IntoTableRef,
        rule: Retention,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops all rules of a table; the `down` of [`retain`](Self::retain). Its archived rows stay for ever. Nothing happens where the
    /// table has none.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::RetentionSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.drop_retention("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn drop_retention(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the rule of a table that has this name.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or it has no such rule.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::RetentionSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.drop_retention_rule("posts", "tax law").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn drop_retention_rule(
        &self,
        table: impl IntoTableRef,
        name: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets the records of archivals expire that were restored or purged so long ago, with what they prove.
    ///
    /// Records of archivals that are still archived never expire.
    ///
    /// # Errors
    ///
    /// Where the rule lasts more than 365,000 days.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Retention, RetentionSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.retain_archivals(Retention::days(3650)).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn retain_archivals(&self, rule: Retention) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the rules of [`retain_archivals`](Self::retain_archivals).
    fn drop_archivals_retention(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets the versions of a history expire whose period ended so long ago.
    ///
    /// In a bitemporal history a version that was corrected so long ago expires, too. The last version of an identity that is not corrected
    /// never does, and neither does a version to which a row refers, by a temporal foreign key or a foreign key. A rule with `tenant`
    /// precedes the rule without, where the history is under tenancy.
    ///
    /// In the database: a row of `archive.retention`, which follows the history when it is renamed, and is deleted with it. The role that
    /// purges needs SELECT, UPDATE and DELETE on the history, and SELECT and UPDATE on its identity table.
    ///
    /// # Errors
    ///
    /// Where there is no such history; where the rule has metadata, or lasts more than 365,000 days.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Retention, RetentionSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.retain_versions("department_history", Retention::days(3650)).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn retain_versions(
        &self,
        history: impl IntoTableRef,
        rule: Retention,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the rules of [`retain_versions`](Self::retain_versions) of a history. Nothing happens where it has none.
    fn drop_versions_retention(
        &self,
        history: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets whole months of the audit log expire that ended so long ago, with the details of their requests.
    ///
    /// Rows as of an earlier time can no longer be read then. The role that purges needs
    /// [`grant_audit_maintenance`](crate::AuditSchema::grant_audit_maintenance).
    ///
    /// # Errors
    ///
    /// Where the log is not installed; where the rule has a tenant or metadata, or lasts more than 365,000 days.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Retention, RetentionSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.retain_audit(Retention::days(365)).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn retain_audit(&self, rule: Retention) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the rule of [`retain_audit`](Self::retain_audit).
    fn drop_audit_retention(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets events expire that were written so long ago and that every consumer has acknowledged.
    ///
    /// A consumer that no longer reads is removed with `event::Entity::consumer(..).remove(..)`: until then every event after its last one
    /// stays. Events expire in the order of their positions, those of all tenants together: a role that purges under tenancy acts for all.
    ///
    /// # Errors
    ///
    /// Where the rule has a tenant or metadata, or lasts more than 365,000 days.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Retention, RetentionSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.retain_events(Retention::days(30)).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn retain_events(&self, rule: Retention) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the rule of [`retain_events`](Self::retain_events): every event stays.
    fn drop_events_retention(&self) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl RetentionSchema for SchemaManager<'_> {
    fn retain(
        &self,
        table: impl IntoTableRef,
        rule: Retention,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async move |work, name| {
            retention::retain_rows(work, name, &rule).await
        })
    }

    fn drop_retention(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        drop_of(self, table.into_table_ref(), Subject::Rows)
    }

    fn drop_retention_rule(
        &self,
        table: impl IntoTableRef,
        name: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let rule = name.into();
        Work::on(self, table.into_table_ref(), async move |work, name| {
            let table = work.existing_table(name).await?;
            retention::drop_named(work, &table.id, &rule).await
        })
    }

    async fn retain_archivals(&self, rule: Retention) -> Result<(), DbErr> {
        Work::of(self, async |work| {
            retention::retain(work, Subject::Records, None, &rule).await
        })
        .await
    }

    async fn drop_archivals_retention(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| {
            register::require(work).await?;
            retention::drop_of(work, Subject::Records, None).await
        })
        .await
    }

    fn retain_versions(
        &self,
        history: impl IntoTableRef,
        rule: Retention,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, history.into_table_ref(), async move |work, name| {
            retention::retain_versions(work, name, &rule).await
        })
    }

    fn drop_versions_retention(
        &self,
        history: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        drop_of(self, history.into_table_ref(), Subject::Versions)
    }

    async fn retain_audit(&self, rule: Retention) -> Result<(), DbErr> {
        Work::of(self, async |work| {
            crate::audit::register::require(work).await?;
            retention::retain(work, Subject::Audit, None, &rule).await
        })
        .await
    }

    async fn drop_audit_retention(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| {
            register::require(work).await?;
            retention::drop_of(work, Subject::Audit, None).await
        })
        .await
    }

    async fn retain_events(&self, rule: Retention) -> Result<(), DbErr> {
        Work::of(self, async |work| {
            retention::retain(work, Subject::Events, None, &rule).await
        })
        .await
    }

    async fn drop_events_retention(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| {
            register::require(work).await?;
            retention::drop_of(work, Subject::Events, None).await
        })
        .await
    }
}

/// Drops the rules of a table about this subject, where there is such a table.
fn drop_of<'a>(
    manager: &'a SchemaManager<'_>,
    table: TableRef,
    subject: Subject,
) -> impl Future<Output = Result<(), DbErr>> + Send + 'a {
    Work::on(
        manager,
        table,
        async move |work, name| match retention::root(work, name).await? {
            Some(table) => retention::drop_of(work, subject, Some(&table.id)).await,
            None => Ok(()),
        },
    )
}
