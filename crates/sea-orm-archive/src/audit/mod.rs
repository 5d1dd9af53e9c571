//! Reads the audit log: who changed which row, when, and from what to what.
//!
//! Triggers, which `audit_table` of the migration crate creates, write the log. This module reads it. An
//! [entry](entry::Model) is the row of an entity, so a query for entries is a SeaORM query: it can be filtered,
//! ordered, paged and streamed.
//!
//! ```no_run
//! use sea_orm::entity::prelude::*;
//! use sea_orm::QueryOrder;
//! use sea_orm_archive::audit::{self, AuditEntity};
//! # use sea_orm::DatabaseConnection;
//! # mod customer { pub use sea_orm_archive::archival::*; pub use sea_orm_archive::archival::Column as C; }
//!
//! # async fn reads(db: DatabaseConnection, since: DateTimeUtc) -> Result<(), sea_orm_archive::Error> {
//! // Who changed the reason of this row, when, and from what?
//! for entry in customer::Entity::find_changes_of(7, customer::Column::Reason).all(&db).await? {
//!     let change = entry.change_of(customer::Column::Reason);
//!     println!("{} {:?} {change:?}", entry.at, entry.actor);
//! }
//!
//! // All entries of the row, and of its table.
//! customer::Entity::find_audit_by_id(7).all(&db).await?;
//! customer::Entity::find_audit().order_by_desc(audit::Column::At).all(&db).await?;
//!
//! // What an actor did since then, and what one request did, in all tables.
//! audit::Entity::find_by_actor("42").filter(audit::Column::At.gte(since)).all(&db).await?;
//! audit::Entity::find_by_request("7f3a").all(&db).await?;
//!
//! // The row as it was.
//! let before = customer::Entity::find_as_of(7, since).one(&db).await?;
//! # Ok(())
//! # }
//! ```

mod as_of;
pub mod details;
pub mod entry;
mod find;
mod key;
mod operation;
mod partition;
mod revert;

pub use as_of::{AsOf, FindAsOf};
pub use entry::{Change, Column, Entity, Model as Entry, Operation};
pub use find::AuditEntity;
pub use partition::make_partitions;
pub use revert::RevertModel;
