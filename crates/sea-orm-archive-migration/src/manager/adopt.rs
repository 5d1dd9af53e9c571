//! The API for migrations: tables that mark deleted rows.

use std::future::Future;

use sea_orm_migration::{
    DbErr, SchemaManager,
    sea_query::{IntoTableRef, TableRef},
};

use crate::{
    AdoptPreview, Adopted, AdoptedBatch, SoftDeleted,
    adopt::{self},
    work::Work,
};

/// Adds the methods for tables that mark deleted rows to a [`SchemaManager`].
pub trait AdoptSchema {
    /// Turns tables that mark deleted rows, in a column such as `deleted_at`, into tables with archive tables.
    fn adopt_soft_deleted<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<Adopted, DbErr>> + Send;

    /// What [`adopt_soft_deleted`](Self::adopt_soft_deleted) would do, and what prevents it.
    fn preview_adopt<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<AdoptPreview, DbErr>> + Send;

    /// Creates the archive tables of an adoption, and moves nothing.
    fn begin_adoption<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Moves some marked rows beside traffic.
    fn adopt_batch<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
        rows: u32,
    ) -> impl Future<Output = Result<AdoptedBatch, DbErr>> + Send;

    /// Turns archived rows into marked rows again; the `down` of [`adopt_soft_deleted`](Self::adopt_soft_deleted).
    fn restore_soft_deleted<T: IntoTableRef>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<u64, DbErr>> + Send;
}

impl AdoptSchema for SchemaManager<'_> {
    fn adopt_soft_deleted<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<Adopted, DbErr>> + Send {
        let tables = declared(tables);
        Work::of(self, async move |work| adopt::adopt(work, &tables).await)
    }

    fn preview_adopt<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<AdoptPreview, DbErr>> + Send {
        let tables = declared(tables);
        Work::preview(self, async move |work| adopt::preview(work, &tables).await)
    }

    fn begin_adoption<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let tables = declared(tables);
        Work::of(self, async move |work| adopt::begin(work, &tables).await)
    }

    fn adopt_batch<T: Into<SoftDeleted>>(
        &self,
        tables: impl IntoIterator<Item = T>,
        rows: u32,
    ) -> impl Future<Output = Result<AdoptedBatch, DbErr>> + Send {
        let tables = declared(tables);
        Work::of(self, async move |work| {
            adopt::adopt_batch(work, &tables, rows).await
        })
    }

    fn restore_soft_deleted<T: IntoTableRef>(
        &self,
        tables: impl IntoIterator<Item = T>,
    ) -> impl Future<Output = Result<u64, DbErr>> + Send {
        let tables: Vec<TableRef> = tables
            .into_iter()
            .map(IntoTableRef::into_table_ref)
            .collect();
        Work::of(self, async move |work| adopt::restore(work, tables).await)
    }
}

fn declared<T: Into<SoftDeleted>>(tables: impl IntoIterator<Item = T>) -> Vec<SoftDeleted> {
    tables.into_iter().map(Into::into).collect()
}
