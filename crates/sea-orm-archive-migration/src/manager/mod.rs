//! The API for migrations: a trait for each feature, implemented for `SchemaManager`.

mod archive;
mod audit;
mod history;
mod retention;
mod stamps;
mod tenancy;
mod trigger;

pub use archive::ArchiveSchema;
pub use audit::AuditSchema;
pub use history::HistorySchema;
pub use retention::RetentionSchema;
pub use stamps::StampSchema;
pub use tenancy::TenancySchema;
pub use trigger::TriggerSchema;
