//! Archive tables for SeaORM: delete a row and its children into paired tables, and get exactly
//! them back.

pub mod archival;
mod archive;
mod careful;
pub mod catalog;
mod deleted_by;
pub mod entity;
mod error;
mod plan;
mod planned;
mod report;
mod restore;
mod run;
mod sql;
mod verbs;
mod whereabouts;

pub use archival::Model as Archival;
pub use archive::{ArchiveMany, ArchiveOne};
pub use entity::{Archivable, Declaration, DeclaredEdge, Restorable};
pub use error::{Error, UndeclaredEdge};
pub use report::{
    ArchivePreview, Blocker, Conflict, Detachment, RestorePreview, Restored, Waiting,
};
pub use restore::{RestoreArchival, RestoreOne};
pub use sea_orm_archive_macros::DeriveArchive;
pub use verbs::{ArchiveEntity, ArchiveModel, RestoreModel};

/// Everything that a program needs to archive and restore.
pub mod prelude {
    pub use crate::{
        Archivable, Archival, ArchiveEntity, ArchiveModel, Conflict, DeriveArchive,
        Error as ArchiveError, Restorable, RestoreModel,
    };
}

#[doc(hidden)]
pub mod __private {
    pub use crate::deleted_by::{Choose, Column, DeletedBy, If, Otherwise};
    pub use sea_orm;
    pub use serde;
}
