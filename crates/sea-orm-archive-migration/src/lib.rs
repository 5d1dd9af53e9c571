//! Migrations for sea-orm-archive: the ledger and the paired `deleted_*` tables.
//!
//! [`ArchiveSchema`] adds to [`SchemaManager`](sea_orm_migration::SchemaManager) what a migration
//! needs, in the manager's own style:
//!
//! ```no_run
//! use sea_orm_archive_migration::ArchiveSchema;
//! use sea_orm_migration::prelude::*;
//!
//! #[derive(DeriveMigrationName)]
//! struct Migration;
//!
//! #[async_trait::async_trait]
//! impl MigrationTrait for Migration {
//!     async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
//!         manager.install_archive().await?;
//!         manager
//!             .create_archived_table(
//!                 Table::create()
//!                     .table("posts")
//!                     .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
//!                     .col(ColumnDef::new("title").text().not_null()),
//!             )
//!             .await
//!     }
//!
//!     async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
//!         manager.drop_archived_table("posts").await?;
//!         manager.uninstall_archive().await
//!     }
//! }
//! ```
//!
//! # The twin
//!
//! A table and its twin have the same columns: same names, types, collations and order, and NOT NULL
//! where the table has it. The twin is a plain table: it has no foreign keys, no identity, no
//! generated columns, no defaults, and no unique index but the primary key. So it takes every row
//! that the table ever held, with its id, byte for byte. Three columns come after the table's own:
//! `deleted_at`, `deleted_by` and `archival_id`. Only the table draws ids; the twin never does. That
//! is what makes the ids of both one sequence.
//!
//! # History
//!
//! [`HistorySchema`] makes the tables of valid time: one that keeps the versions of an identity, what
//! was true of it and when, and foreign keys to the version that was valid at a time.
//!
//! ```no_run
//! use sea_orm_archive_migration::{HistorySchema, HistoryTable, TemporalForeignKey};
//! use sea_orm_migration::{prelude::*, schema::*};
//!
//! # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
//! manager
//!     .create_history_table(
//!         HistoryTable::new("department_history")
//!             .identity("department_id", "departments")
//!             .column(string_len("name", 100)),
//!     )
//!     .await?;
//! manager
//!     .create_temporal_foreign_key(
//!         TemporalForeignKey::new("user_audit", ["department_id"])
//!             .at("changed_at")
//!             .references("department_history"),
//!     )
//!     .await
//! # }
//! ```
//!
//! # Stamps
//!
//! [`StampSchema`] lets the database say who made a row, who changed it last, and when. Who acts comes from the
//! context of the transaction; what a client sends instead counts for nothing in an update.
//!
//! ```no_run
//! use sea_orm_archive_migration::StampSchema;
//! use sea_orm_migration::prelude::*;
//!
//! # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
//! manager.stamp_table("posts").await
//! # }
//! ```
//!
//! # Failure
//!
//! Every helper either does all of its work or nothing, inside a migration's transaction or outside
//! of one, and may run again after it has succeeded. An error is a
//! [`DbErr::Migration`](sea_orm_migration::DbErr) that names the table and the way out, or what the
//! database said.

mod alter;
mod audit;
mod context;
mod follow;
mod history;
mod index;
mod install;
mod known;
mod name;
mod options;
mod privileges;
mod register;
mod remove;
mod schema;
mod sequence;
mod stamps;
mod sync;
mod template;
mod tenancy;
mod twin;
mod work;

pub use audit::{AuditSchema, AuditedTable};
pub use context::ContextSettings;
pub use history::{HistorySchema, HistorySplit, HistoryTable, TemporalForeignKey};
pub use options::{ArchivedTable, ExistingTable};
pub use schema::ArchiveSchema;
pub use stamps::{StampSchema, StampedTable};
pub use tenancy::{Attributed, Tenancy, TenancySchema};
