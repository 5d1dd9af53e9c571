//! The API for migrations: who may place and release holds.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager};

use crate::{install, work::Work};

/// Adds the methods for holds to a [`SchemaManager`].
///
/// A hold keeps archivals, rows and tables from being deleted for good. The application places and releases holds; a migration decides
/// which role may.
pub trait HoldSchema {
    /// Lets a role place, release and list holds.
    ///
    /// In the database: USAGE on the schema, SELECT on `archive.hold`, and EXECUTE on `archive.place_hold(..)` and
    /// `archive.release_hold(..)`, which run as the owner of the schema. [`grant_archive`](crate::ArchiveSchema::grant_archive) gives none of
    /// that. To hold a row the role also needs SELECT on its table and on the archive table.
    ///
    /// # Errors
    ///
    /// Where there is no such role, or the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::HoldSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.grant_holds("legal").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn grant_holds(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Revokes what [`grant_holds`](Self::grant_holds) granted; its `down`. USAGE on the schema stays.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::HoldSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.revoke_holds("legal").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn revoke_holds(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl HoldSchema for SchemaManager<'_> {
    fn grant_holds(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::grant_holds(work, &role).await
        })
    }

    fn revoke_holds(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::revoke_holds(work, &role).await
        })
    }
}
