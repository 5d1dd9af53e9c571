//! Optimistic locking: an update is written only if the row still has the lock version that was read.
//!
//! Without it, two users who edit the same document overwrite each other: the second one to save does not see
//! what the first one wrote. The lock version is a column that each update increments. The second update fails
//! with a conflict that contains the row as it is now.
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
//! Other writes, with SeaORM's `update` or plain SQL, neither check nor increment the lock version: the lock
//! protects only the callers that use it. Archiving and restoring change neither the lock version of the rows
//! that they move nor that of the rows whose links they detach.

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
