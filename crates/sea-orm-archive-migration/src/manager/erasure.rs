//! The API for migrations: personal data, and who may erase it.

use std::future::Future;

use sea_orm_archive::{DeclaresPersonalData, PersonalData};
use sea_orm_migration::{DbErr, SchemaManager, sea_query::IntoTableRef};

use crate::{install, personal_data, work::Work};

/// Adds the methods for personal data to a [`SchemaManager`].
///
/// A migration declares which columns contain personal data, and how rows belong to a person. `user::Entity::erase_by_id(..)` then erases
/// a person. Each method does all of its work or nothing.
pub trait ErasureSchema {
    /// Declares the personal data of a table: it is erased in the table, in its archive table, and in the audit log.
    ///
    /// A table may have several rules, for example messages with a sender and a recipient. A rule with the same parent and the same
    /// links is replaced. The versions of a history are declared like the rows of any table.
    ///
    /// In the database: a row of `archive.personal_data`, which follows renamed tables and columns.
    ///
    /// # Errors
    ///
    /// Where the table, its primary key, a column or the rule of the parent is missing, and where an erasure could not do what is declared: a key
    /// column, NULL in a NOT NULL column, the same value in a unique index, a generated column.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::{ErasureSchema, PersonalData};
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// let users = PersonalData::of_person().pseudonym("email").constant("name", "deleted user").identifying(["email"]);
    /// manager.declare_personal_data("users", users).await?;
    /// let comments = PersonalData::belongs_to("users", ["author_id"]).constant("content", "[erased]");
    /// manager.declare_personal_data("comments", comments).await
    /// # }
    /// ```
    fn declare_personal_data(
        &self,
        table: impl IntoTableRef,
        data: PersonalData,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Declares the personal data of the table of an entity, as `DerivePersonalData` declares it: every rule of it. Other rules of the table stay.
    ///
    /// A migration with this call declares something else once the entity has changed. A database that already exists needs another migration then,
    /// and [`check_personal_data`](DeclaresPersonalData::check_personal_data) reports what it lacks.
    ///
    /// # Errors
    ///
    /// As [`declare_personal_data`](Self::declare_personal_data), and where a relation does not refer to the primary key.
    ///
    /// ```no_run
    /// # use sea_orm_archive::{DeclaresPersonalData, PersonalData};
    /// # use sea_orm_archive_migration::ErasureSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up<UserEntity: DeclaresPersonalData>(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.declare_personal_data_of::<UserEntity>().await
    /// # }
    /// ```
    fn declare_personal_data_of<E: DeclaresPersonalData>(
        &self,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Drops all rules of a table; the `down` of [`declare_personal_data`](Self::declare_personal_data). Nothing happens where it has none.
    ///
    /// # Errors
    ///
    /// While rules of other tables lead to this one, and while a hold is in force on a person whose rows the rules find.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ErasureSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.drop_personal_data("comments").await?;
    /// manager.drop_personal_data("users").await
    /// # }
    /// ```
    fn drop_personal_data(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Lets a role erase persons and read the certificates.
    ///
    /// In the database: USAGE on the schema, SELECT on `archive.erasure`, `archive.erased_place` and `archive.personal_data`, and EXECUTE on the functions
    /// `archive.erasure_..`, which run as the owner of the schema and are the only ones that change entries of the audit log. The role also
    /// needs SELECT and UPDATE, and where rows are deleted DELETE, on the tables with personal data, their archive tables, and the tables that
    /// lead to the person.
    ///
    /// # Errors
    ///
    /// Where there is no such role, or the archive is not installed.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ErasureSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.grant_erasure("privacy").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn grant_erasure(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;

    /// Revokes what [`grant_erasure`](Self::grant_erasure) granted; its `down`. USAGE on the schema stays.
    ///
    /// # Errors
    ///
    /// Where there is no such role.
    ///
    /// ```no_run
    /// # use sea_orm_archive_migration::ErasureSchema;
    /// # use sea_orm_migration::prelude::*;
    /// # async fn down(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// manager.revoke_erasure("privacy").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn revoke_erasure(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send;
}

impl ErasureSchema for SchemaManager<'_> {
    fn declare_personal_data(
        &self,
        table: impl IntoTableRef,
        data: PersonalData,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = table.into_table_ref();
        Work::on(self, table, async move |work, table| {
            personal_data::declare(work, table, &data).await
        })
    }

    fn declare_personal_data_of<E: DeclaresPersonalData>(
        &self,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = E::default().table_ref();
        Work::on(self, table, async move |work, table| {
            for data in E::personal_data() {
                personal_data::declare(work, table, &data).await?;
            }
            Ok(())
        })
    }

    fn drop_personal_data(
        &self,
        table: impl IntoTableRef,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let table = table.into_table_ref();
        Work::on(self, table, async |work, table| {
            personal_data::drop_of(work, table).await
        })
    }

    fn grant_erasure(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::grant_erasure(work, &role).await
        })
    }

    fn revoke_erasure(
        &self,
        role: impl Into<String>,
    ) -> impl Future<Output = Result<(), DbErr>> + Send {
        let role = role.into();
        Work::of(self, async move |work| {
            install::revoke_erasure(work, &role).await
        })
    }
}
