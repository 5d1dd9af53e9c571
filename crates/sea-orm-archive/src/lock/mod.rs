//! Optimistic locking: a change is written only over the version of the row that was read.
//!
//! Two people open the same document, both save, and the second one overwrites what the first one
//! wrote without having seen it. A column that counts the versions of a row makes that an answer: the
//! second one is told, and gets the row as it is now.
//!
//! ```no_run
//! mod note {
//!     use sea_orm::entity::prelude::*;
//!     use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};
//!
//!     #[sea_orm::model]
//!     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock)]
//!     #[sea_orm(table_name = "notes")]
//!     pub struct Model {
//!         #[sea_orm(primary_key)]
//!         pub id: i64,
//!         pub text: String,
//!         pub lock_version: i32,
//!     }
//!
//!     impl ActiveModelBehavior for ActiveModel {}
//! }
//!
//! use sea_orm::{ActiveValue::Set, IntoActiveModel};
//! use sea_orm_archive::prelude::*;
//!
//! # async fn calls(db: sea_orm::DatabaseConnection, read: note::Model) -> Result<(), Error> {
//! let mut note = read.clone().into_active_model();
//! note.text = Set("better".to_owned());
//! match note.update_if_unchanged(&db).await {
//!     Ok(saved) => println!("lock version {}", saved.lock_version),
//!     Err(UpdateError::Conflict { current, .. }) => println!("409: {}", current.text),
//!     Err(UpdateError::NotFound { .. }) => println!("410"),
//!     Err(UpdateError::Other(error)) => return Err(error),
//! }
//!
//! read.archive_if_unchanged(&db).await?;
//! note::Entity::restore_by_id(42).at_lock_version(3).exec(&db).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Who writes in another way, with `update` or in SQL, neither looks at the version nor counts it on:
//! the lock is between those who use it. Archiving and restoring leave the version as it is, and so
//! does what they do to rows that are detached.

mod entity;
mod error;
mod update;
mod verbs;
mod version;

pub use entity::{LockVersionType, OptimisticLock};
pub use error::UpdateError;
pub use update::UpdateIfUnchanged;
pub use verbs::{ArchiveIfUnchanged, RestoreIfUnchanged};

pub(crate) use version::AtLockVersion;

#[doc(hidden)]
pub use entity::{Archive, NoArchive};
