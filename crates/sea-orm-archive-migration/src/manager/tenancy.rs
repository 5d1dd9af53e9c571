//! The API for migrations: tenancy.

use std::future::Future;

use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{
    archive_table::follow,
    tenancy::{
        apply,
        attribute::{self, Attributed},
        options::Tenancy,
        remove,
    },
    work::Work,
};

/// Adds the methods for tenancy to a [`SchemaManager`].
pub trait TenancySchema {
    /// Puts a table under tenancy: only the tenant of a row, as the tenant of the
    /// [context](sea_orm_archive::Context), and the administrator see and write the row.
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
    /// CREATE TRIGGER tenancy_guard_archived AFTER UPDATE ON deleted_posts FOR EACH ROW
    ///     WHEN (OLD.org_id::text IS DISTINCT FROM NEW.org_id::text) ..; -- an archived row does not change its tenant
    /// ```
    ///
    /// and the same policies on its partitions, its archive table and its histories. A history without the tenant column
    /// gets it first, filled from the identities, with a foreign key to them:
    ///
    /// ```sql
    /// ALTER TABLE post_names ADD COLUMN org_id bigint NOT NULL DEFAULT archive.current_tenant()::bigint;
    /// ALTER TABLE posts ADD UNIQUE (org_id, id);
    /// ALTER TABLE post_names ADD FOREIGN KEY (org_id, post_id) REFERENCES posts (org_id, id) ON UPDATE CASCADE;
    /// ```
    ///
    /// Where the column is part of the primary key, the history has a column that refers to it, and nothing is added. The
    /// history of a history gets the column from that history.
    ///
    /// From now on archivals, detached links and entries of the audit log have the tenant of their rows, and each tenant
    /// sees its own. Those from before have no tenant, and only the administrator sees them, until
    /// [`attribute_to_tenants`](Self::attribute_to_tenants) attributes them. This includes those from before an earlier
    /// [`disable_tenancy`](Self::disable_tenancy), and those under another column. It may run again with the same
    /// column, and then repairs what was changed with plain SQL.
    ///
    /// # Errors
    ///
    /// Where there is no such table, column or role; where the column may be NULL, or is of a type that truncates values
    /// (`name`, `"char"`); where the table is a history, an archive table or a partition; where it has other permissive
    /// policies, which would show more rows; where versions have another tenant than their identity, or their tenant is
    /// unknown; where a temporal foreign key refers from the table to a history that is not under tenancy, since a tenant
    /// that ends a version there would not see the rows of other tenants that need it; and where another table has another
    /// administrator.
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

    /// Attributes archivals and entries of the audit log from before [`enable_tenancy`](Self::enable_tenancy) to tenants,
    /// for all tables under tenancy. Call it once, after these tables came under tenancy. There is nothing to undo in
    /// `down`.
    ///
    /// - An archival belongs to the tenant of the rows that it holds and of its detached links, if all of
    ///   them have the same one. A restored archival holds no rows, so its tenant is unknown.
    /// - An entry belongs to the tenant of the row that has its key now, in the table or in its archive table. It is left
    ///   to the administrator where the log shows that it may be of another row or another tenant: it is from before
    ///   the last INSERT or DELETE of that key, or from before an UPDATE that changed the tenant; an entry of the key
    ///   contains a column that the table no longer has; the tenant column was excluded or redacted. Changes that the log
    ///   does not contain, such as a replacement of the tenant column, are not considered.
    ///
    /// Returns how many were attributed, and how many are left to the administrator, such as those of deleted rows and
    /// dropped tables.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::TenancySchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// for table in ["posts", "comments"] {
    ///     manager.enable_tenancy((table, "org_id")).await?;
    /// }
    /// let attributed = manager.attribute_to_tenants().await?;
    /// println!("{attributed:?}");
    /// # Ok(())
    /// # }
    /// ```
    fn attribute_to_tenants(&self) -> impl Future<Output = Result<Attributed, DbErr>> + Send;

    /// Drops what [`enable_tenancy`](Self::enable_tenancy) created; its `down`.
    ///
    /// In the database: its policies and triggers are dropped, and what it created for histories: columns, foreign keys
    /// and the unique constraint that they refer to. Row-level security is disabled where no policy is left. Archivals that
    /// hold rows of no other table under tenancy are shared again, and so are the entries of the table in the log. When the
    /// table comes under tenancy again, both have no tenant. Nothing happens where the table is not under tenancy.
    ///
    /// # Errors
    ///
    /// While a table under tenancy refers to a history of this one with a temporal foreign key: call it for that table
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
        Work::of(self, async move |work| {
            apply::enable(work, &tenancy).await?;
            follow::refresh(work, None).await
        })
    }

    async fn attribute_to_tenants(&self) -> Result<Attributed, DbErr> {
        Work::of(self, async |work| attribute::attribute(work).await).await
    }

    fn disable_tenancy(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        Work::on(self, table.into_table_ref(), async |work, name| {
            remove::disable(work, name).await?;
            follow::refresh(work, None).await
        })
    }
}
