//! The API for migrations: guards.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{
    guard::{self, Guard},
    work::Work,
};

/// Adds the methods for guards to a [`SchemaManager`].
///
/// A guard watches what deletes rows of a table: psql, another service, `post.delete(&db)`, `ON DELETE CASCADE`, TRUNCATE. Archives, restores
/// and purges pass it. Each method does all of its work or nothing, and needs [`install_archive`](crate::ArchiveSchema::install_archive) to
/// have run.
pub trait GuardSchema {
    /// Guards a table: what is deleted from it without an archive is refused or caught. Replaces the guard of a guarded table.
    ///
    /// With [`Guard::catch`] the tables that its deletions cascade to are guarded first, from the leaves up.
    ///
    /// In the database: a row of `archive.guarded_table`, a trigger function, and two triggers each on the table, on its partitions and on the
    /// archive table, all of them ENABLE ALWAYS. Rows of the archive table then leave it by a restore or a purge only.
    ///
    /// # Errors
    ///
    /// Where there is no such table, or it has no archive table; where policies hide archived rows from the owner. With [`Guard::catch`] also
    /// where deletions cascade to a table that is not guarded, or cut links (`ON DELETE SET NULL`): the error names the foreign key.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Guard, GuardSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.guard_table("invoices", Guard::refuse()).await?;
    /// manager.guard_table("comments", Guard::catch()).await?;
    /// manager.guard_table("posts", Guard::catch()).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn guard_table(
        &self,
        table: impl IntoTableRef,
        guard: Guard,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops the guard of a table; the `down` of [`guard_table`](Self::guard_table). Nothing happens where it has none.
    ///
    /// # Errors
    ///
    /// Where the deletions of another table cascade to this one and are caught: drop the guard of that table first.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::GuardSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.drop_guard("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn drop_guard(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl GuardSchema for SchemaManager<'_> {
    fn guard_table(
        &self,
        table: impl IntoTableRef,
        guard: Guard,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async move |work, name| {
            guard::guard(work, name, guard).await
        })
    }

    fn drop_guard(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async move |work, name| {
            guard::unguard(work, name).await
        })
    }
}
