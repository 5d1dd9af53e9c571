//! Migrations for sea-orm-archive: the archival table and the paired `deleted_*` tables.
//!
//! [`ArchiveSchema`] adds to [`SchemaManager`](sea_orm_migration::SchemaManager) what a migration
//! needs, in the manager's own style:
//!
//! ```no_run
//! use sea_orm_archive_migration::prelude::*;
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
//! # The archive table
//!
//! A table and its archive table have the same columns: same names, types, collations and order, and NOT NULL
//! where the table has it. The archive table is a plain table: it has no foreign keys, no identity, no
//! generated columns, no defaults, and no unique index except the primary key. So it accepts every row of the
//! table, unchanged to the byte, with its id. Three columns come after the columns of the table:
//! `deleted_at`, `deleted_by` and `archival_id`. Only the table draws ids from the sequence; the archive table
//! never does. So an id is unique across both tables.
//!
//! # History
//!
//! [`HistorySchema`] creates the tables of valid time: history tables, which store the versions of an identity
//! with their valid time, and foreign keys to the version that was valid at a time.
//!
//! ```no_run
//! use sea_orm_archive_migration::prelude::*;
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
//! [`StampSchema`] lets the database record who created a row, who changed it last, and when. The actor comes
//! from the context of the transaction; an update ignores stamps that a client sends.
//!
//! ```no_run
//! use sea_orm_archive_migration::prelude::*;
//! use sea_orm_migration::prelude::*;
//!
//! # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
//! manager.stamp_table("posts").await
//! # }
//! ```
//!
//! # Retention
//!
//! [`RetentionSchema`] declares how long archived rows, archival records, versions of histories and the audit log stay. A purge deletes what has expired.
//!
//! ```no_run
//! use sea_orm_archive_migration::prelude::*;
//! use sea_orm_migration::prelude::*;
//!
//! # async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
//! manager.retain("posts", Retention::days(90)).await
//! # }
//! ```
//!
//! # Failure
//!
//! Every helper either does all of its work or nothing, inside a migration's transaction or outside
//! of one, and may run again after it has succeeded. An error is a
//! [`DbErr::Migration`](sea_orm_migration::DbErr) that names the table and what to do, or the error of the
//! database.

mod adopt;
mod archive_table;
mod audit;
mod context;
mod feature;
mod guard;
mod history;
mod install;
mod manager;
mod name;
mod personal_data;
mod retention;
mod stamps;
mod table_names;
mod tenancy;
mod trigger;
mod work;

pub use adopt::{AdoptPreview, Adopted, AdoptedBatch, AdoptedTable, LiveChildren, SoftDeleted};
pub use archive_table::{ArchivedTable, DroppedTable, ExistingTable};
pub use audit::AuditedTable;
pub use context::ContextSettings;
pub use guard::Guard;
pub use history::{HistorySplit, HistoryTable, TemporalForeignKey};
pub use manager::{
    AdoptSchema, ArchiveSchema, AuditSchema, ErasureSchema, EventSchema, GuardSchema,
    HistorySchema, HoldSchema, RetentionSchema, StampSchema, TenancySchema, TriggerSchema,
};
pub use retention::Retention;
pub use sea_orm_archive::PersonalData;
pub use stamps::StampedTable;
pub use tenancy::{Attributed, Tenancy};
pub use trigger::SuspendedTrigger;

/// Everything that a migration needs: `use sea_orm_archive_migration::prelude::*`.
pub mod prelude {
    pub use crate::{
        AdoptPreview, AdoptSchema, Adopted, AdoptedBatch, AdoptedTable, ArchiveSchema,
        ArchivedTable, Attributed, AuditSchema, AuditedTable, ContextSettings, DroppedTable,
        ErasureSchema, EventSchema, ExistingTable, Guard, GuardSchema, HistorySchema, HistorySplit,
        HistoryTable, HoldSchema, LiveChildren, PersonalData, Retention, RetentionSchema,
        SoftDeleted, StampSchema, StampedTable, SuspendedTrigger, TemporalForeignKey, Tenancy,
        TenancySchema, TriggerSchema,
    };
}
