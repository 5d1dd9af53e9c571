//! What a migration calls for tenancy.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{
    archive_table::follow,
    name,
    tenancy::{apply, options::Tenancy, remove},
    work::Work,
};

/// Tenancy's part of a [`SchemaManager`].
pub trait TenancySchema {
    /// Puts a table under tenancy: a row is seen and written by the tenant of the
    /// [context](sea_orm_archive::Context) whose it is, and by the administrator.
    ///
    /// In the database, for `posts` with `org_id` and the administrator `ops`:
    ///
    /// ```sql
    /// ALTER TABLE posts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    /// CREATE POLICY tenancy ON posts USING (org_id = archive.current_tenant()::bigint);
    /// CREATE POLICY tenancy_administration ON posts TO ops USING (current_user = 'ops');
    /// CREATE POLICY tenancy_trusted ON posts TO owner USING ((SELECT archive.acts_for_all('ops')));
    /// CREATE TRIGGER tenancy_guard BEFORE DELETE OR UPDATE ON posts FOR EACH ROW
    ///     WHEN ((OLD.org_id = archive.current_tenant()::bigint) IS NOT TRUE)
    ///     EXECUTE FUNCTION archive.tenancy_guard('ops');
    /// CREATE TRIGGER tenancy_guard_given AFTER UPDATE ON posts FOR EACH ROW
    ///     WHEN ((NEW.org_id = archive.current_tenant()::bigint) IS NOT TRUE) ..;
    /// CREATE TRIGGER tenancy_guard_truncate BEFORE TRUNCATE ON posts ..;
    /// CREATE TRIGGER tenancy_guard_kept AFTER UPDATE ON deleted_posts FOR EACH ROW
    ///     WHEN (OLD.org_id::text IS DISTINCT FROM NEW.org_id::text) ..; -- an archived row stays its tenant's
    /// ```
    ///
    /// and the same policies on its partitions, its twin and its histories. A history gets the column first, where it
    /// has it not, filled from the identities and tied to them:
    ///
    /// ```sql
    /// ALTER TABLE post_names ADD COLUMN org_id bigint NOT NULL DEFAULT archive.current_tenant()::bigint;
    /// ALTER TABLE posts ADD UNIQUE (org_id, id);
    /// ALTER TABLE post_names ADD FOREIGN KEY (org_id, post_id) REFERENCES posts (org_id, id) ON UPDATE CASCADE;
    /// ```
    ///
    /// Where the column is in the primary key, the history has one that refers to it, and nothing is added. The history
    /// of a history has the column of that one.
    ///
    /// The ledger, the detached links and the audit log show to each tenant what is of its rows. What is archived and
    /// logged already is told apart by its rows; what nothing tells apart is the administrator's to see. It may run
    /// again, and then makes good what was changed by hand.
    ///
    /// # Errors
    ///
    /// Where there is no such table, column or role; where the column may be NULL, or is of a type that cuts values
    /// off (`name`, `"char"`); where the table is a history, a twin or a partition; where it has other permissive
    /// policies, which would let in more; where archived rows belong to another tenant than the tree they went with;
    /// where versions are of another tenant than their identity, or nothing says whose they are; where a temporal
    /// foreign key refers from the table to a history that is not under tenancy, since whoever ends a version there would
    /// not see the rows of other tenants that need it; and where another table has another administrator.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{Tenancy, TenancySchema};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager
    ///     .enable_tenancy(Tenancy::new("posts", "org_id").administrator("ops"))
    ///     .await?;
    /// manager.enable_tenancy(("comments", "org_id")).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn enable_tenancy(
        &self,
        tenancy: impl Into<Tenancy>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Takes away what [`enable_tenancy`](Self::enable_tenancy) made; its `down`.
    ///
    /// In the database: its policies and triggers are dropped, and what it made in histories: columns, foreign keys
    /// and the key they refer to. Row-level security is disabled where no policy is left. Archivals that hold rows of
    /// no other table under tenancy are everybody's again, and so are the table's entries of the log, until it is put
    /// under tenancy by the same column again. Nothing happens where the table is not under tenancy.
    ///
    /// # Errors
    ///
    /// While a table under tenancy refers to a history of this one with a temporal foreign key: that table has to go
    /// first.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::TenancySchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.disable_tenancy("posts").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn disable_tenancy(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl TenancySchema for SchemaManager<'_> {
    fn enable_tenancy(
        &self,
        tenancy: impl Into<Tenancy>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let tenancy = tenancy.into();
        async move {
            Work::of(self, async |work| {
                apply::enable(work, &tenancy).await?;
                follow::refresh(work, None).await
            })
            .await
        }
    }

    fn disable_tenancy(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let name = name::table(&table.into_table_ref());
        async move {
            let name = name?;
            Work::of(self, async |work| {
                remove::disable(work, &name).await?;
                follow::refresh(work, None).await
            })
            .await
        }
    }
}
