//! The API for migrations: triggers of the application.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{SuspendedTrigger, trigger, work::Work};

/// Adds the methods for triggers of the application to a [`SchemaManager`].
///
/// Each method does all of its work or nothing.
pub trait TriggerSchema {
    /// Lets a trigger of the application not fire while rows of a table are archived or restored.
    ///
    /// A trigger that counts rows, sets `updated_at` or inserts rows would change what a restore gives back, so
    /// the archive is refused. In the database the condition is added to the trigger, before its own one:
    ///
    /// ```sql
    /// CREATE OR REPLACE TRIGGER count_comments AFTER INSERT OR DELETE ON public.comments FOR EACH ROW
    /// WHEN (NOT archive.is_moving('"public"."posts"'::pg_catalog.regclass)) EXECUTE FUNCTION public.count_comments();
    /// ALTER TABLE "public"."comments" ENABLE TRIGGER "count_comments"; -- or ALWAYS, REPLICA, DISABLE, as it was
    /// ```
    ///
    /// The function, the arguments, the mode and the comment of the trigger stay. A second call adds
    /// its tables to those of the first.
    ///
    /// # Errors
    ///
    /// Where there is no such table or trigger; where no archive and no restore writes to the table; and for
    /// triggers of constraints, of sea-orm-archive, and those that a partition inherits.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{SuspendedTrigger, TriggerSchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager
    ///     .suspend_trigger(SuspendedTrigger::new("comments", "count_comments").while_moving("posts"))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    fn suspend_trigger(
        &self,
        trigger: SuspendedTrigger,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Removes the condition of [`suspend_trigger`](Self::suspend_trigger) from a trigger; its `down`.
    ///
    /// The conditions for all tables are removed. Nothing happens where the trigger has none.
    ///
    /// # Errors
    ///
    /// As [`suspend_trigger`](Self::suspend_trigger).
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::TriggerSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.resume_trigger("comments", "count_comments").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn resume_trigger(
        &self,
        table: impl IntoTableRef,
        trigger: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl TriggerSchema for SchemaManager<'_> {
    async fn suspend_trigger(&self, trigger: SuspendedTrigger) -> Result<(), DbErr> {
        Work::of(self, async |work| trigger::suspend(work, &trigger).await).await
    }

    fn resume_trigger(
        &self,
        table: impl IntoTableRef,
        trigger: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let name = trigger.into();
        Work::on(self, table.into_table_ref(), async move |work, table| {
            trigger::resume(work, table, &name).await
        })
    }
}
