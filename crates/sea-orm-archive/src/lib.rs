//! Archive tables for SeaORM: delete a row and its children into paired tables, and get exactly
//! them back.

pub mod archival;
pub mod entity;

pub use entity::{Archivable, Declaration, DeclaredEdge, Restorable};
pub use sea_orm_archive_macros::DeriveArchive;

#[doc(hidden)]
pub mod __private {
    pub use sea_orm;
    pub use serde;
}
