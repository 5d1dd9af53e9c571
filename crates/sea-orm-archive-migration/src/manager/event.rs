//! The API for migrations: events, and who may read them.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager};

use crate::{install, work::Work};

/// Adds the methods for events to a [`SchemaManager`].
///
/// An event records an archive, a restore, a purge or a hold for other systems. It is written in the transaction, and read in the order of
/// the commits.
pub trait EventSchema {
    /// Writes an event of everything that is archived, restored, purged, held or released from now on.
    ///
    /// In the database: deferred triggers on `archive.archival` and `archive.hold`, and a row of `archive.event_lock`, which the commit of each
    /// transaction with events locks. So these commits happen one after the other. Such a transaction cannot be prepared for a two-phase
    /// commit, since it sends a notification. Run it again after a dump, a trigger that was dropped, or an update of the crate.
    ///
    /// # Errors
    ///
    /// Where the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::EventSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.enable_events().await?;
    /// manager.grant_events("search").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn enable_events(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Deletes all events, and writes no others; the `down` of [`enable_events`](Self::enable_events).
    ///
    /// Consumers stay. When events are enabled again, each of them gets an error that says to build what follows the events again, since it
    /// has missed some.
    ///
    /// # Errors
    ///
    /// Those of the database.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::EventSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.disable_events().await?;
    /// # Ok(())
    /// # }
    /// ```
    fn disable_events(&self) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role read events, and acknowledge them as a consumer.
    ///
    /// In the database: USAGE on the schema, SELECT on `archive.event` and `archive.event_consumer`, and EXECUTE on the functions that read
    /// and acknowledge, which run as the owner of the schema. [`grant_archive`](crate::ArchiveSchema::grant_archive) gives none of that. Under
    /// tenancy the role reads the events of the tenant that it acts for.
    ///
    /// # Errors
    ///
    /// Where there is no such role, or the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::EventSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.grant_events("search").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn grant_events(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Revokes what [`grant_events`](Self::grant_events) granted; its `down`. USAGE on the schema stays.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::EventSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.revoke_events("search").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn revoke_events(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl EventSchema for SchemaManager<'_> {
    async fn enable_events(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::enable_events(work).await).await
    }

    async fn disable_events(&self) -> Result<(), DbErr> {
        Work::of(self, async |work| install::disable_events(work).await).await
    }

    fn grant_events(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::grant_events(work, &role).await
        })
    }

    fn revoke_events(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::revoke_events(work, &role).await
        })
    }
}
