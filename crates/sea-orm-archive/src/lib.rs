//! Archive tables for SeaORM: move a row and its children into archive tables, and restore exactly those rows.
//!
//! ```no_run
//! mod post {
//!     use sea_orm::entity::prelude::*;
//!     use sea_orm_archive::DeriveArchive;
//!
//!     #[sea_orm::model]
//!     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
//!     #[sea_orm(table_name = "posts")]
//!     #[archive(deleted_by = "i64")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i64,
//!         pub author_id: i64,
//!     }
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! use sea_orm::entity::prelude::*;
//! use sea_orm_archive::prelude::*;
//!
//! # async fn calls(db: sea_orm::DatabaseConnection) -> Result<(), Error> {
//! let archival = post::Entity::archive_by_id(42).by(7).reason("spam").exec(&db).await?;
//! post::Entity::archive_many().filter(post::Column::AuthorId.eq(7)).exec(&db).await?;
//!
//! let deleted = post::deleted::Entity::find_by_id(42).one(&db).await?;
//! post::Entity::restore_by_id(42).preview(&db).await?;
//! archival.restore(&db).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Data that changes over time has a history: a table of versions, each with the period in which it was true. See
//! [`history`].
//!
//! A row with a lock version is updated, archived and restored only if it was not changed since it was read. See
//! [`optimistic_lock`].
//!
//! The crate `sea-orm-archive-migration` creates the tables in migrations. [`DeriveArchive`] shows what a
//! derive adds to an entity. The verbs are those of [`ArchiveEntity`], [`ArchiveModel`], [`RestoreModel`] and
//! [`HistoryEntity`]. A verb that returns an [`Error`] has moved nothing.

pub mod archival;
mod archive;
pub mod audit;
pub mod catalog;
mod check;
pub mod context;
mod decode;
mod deleted_by;
pub mod deletion;
pub mod entity;
pub mod erasure;
pub mod error;
pub mod event;
mod exec;
#[cfg(all(doc, not(doctest)))]
pub mod guide;
pub mod history;
pub mod hold;
pub mod hooks;
pub mod optimistic_lock;
mod plan;
mod planned;
mod purge;
mod report;
mod restore;
mod row;
mod verbs;

pub use archival::Model as Archival;
pub use archive::{ArchiveBatches, ArchiveMany, ArchiveOne};
pub use audit::{AuditEntity, RevertModel};
pub use check::{ApplicationTrigger, application_triggers, check};
pub use context::Context;
#[cfg(feature = "axum")]
pub use context::axum::ContextLayer;
pub use deletion::Model as Deletion;
pub use entity::{Archivable, Declaration, DeclaredEdge, Restorable};
pub use erasure::{
    Certificate, DeclaresPersonalData, Erase, EraseBatches, ErasedPlace, PersonEntity, PersonalData,
};
pub use error::{Error, ErrorKind};
pub use exec::Executor;
pub use history::{
    Bitemporal, Changed, History, HistoryColumns, HistoryEntity, JoinVersion, Period,
    RecordedColumns, ValidTime,
};
pub use hold::{PlaceHold, ReleaseHold};
pub use hooks::{ArchiveHooks, HookResult};
pub use optimistic_lock::{
    ArchiveIfUnchanged, OptimisticLock, RestoreIfUnchanged, UpdateError, UpdateIfUnchanged,
};
pub use purge::{
    PurgeArchival, PurgeArchivalBatches, PurgeArchivals, PurgeBatches, PurgeExpired,
    PurgeExpiredBatches, PurgeMany,
};
pub use report::{
    ArchivalConflicts, ArchivePreview, ArchivedKeys, Blocker, ChangedTable, Conflict, Detachment,
    ExpiredPolicy, LostLink, LostLinkReason, Purged, PurgedExpired, PurgedMany, Rehearsal,
    RestoreManyPreview, RestorePreview, Restored, RestoredMany, RowChange, RowDifference, Stayed,
    Waiting,
};
pub use restore::{RestoreArchival, RestoreArchivals, RestoreBatches, RestoreMany, RestoreOne};
pub use sea_orm_archive_macros::{
    DeriveArchive, DeriveHistory, DeriveOptimisticLock, DerivePersonalData,
};
pub use sea_orm_archive_postgres::compare::Finding;
pub use verbs::{ArchiveEntity, ArchiveModel, RestoreModel};

/// The traits, derives and types that most programs use.
///
/// [`Context`] is left out: `use anyhow::Context` would hide it, or it would hide anyhow's.
pub mod prelude {
    pub use crate::{
        Archivable, Archival, ArchiveEntity, ArchiveHooks, ArchiveIfUnchanged, ArchiveModel,
        AuditEntity, Conflict, DeclaresPersonalData, Deletion, DeriveArchive, DeriveHistory,
        DeriveOptimisticLock, DerivePersonalData, Error, ErrorKind, History, HistoryEntity,
        HookResult, JoinVersion, OptimisticLock, Period, PersonEntity, Restorable,
        RestoreIfUnchanged, RestoreModel, RevertModel, UpdateError, UpdateIfUnchanged,
    };
}

#[doc(hidden)]
pub mod __private {
    pub use crate::deleted_by::{Choose, Column, DeletedBy, If, Otherwise};
    pub use crate::hooks::{DeclaresHooks, Hooks};
    pub use crate::optimistic_lock::{Archive, NoArchive};
    pub use sea_orm;
    pub use sea_orm_archive_postgres::template::fill;
    pub use serde;
}
