//! The API for migrations: a trait for each feature, implemented for `SchemaManager`.

mod archive;
mod audit;
mod history;
mod stamps;
mod tenancy;

pub use archive::ArchiveSchema;
pub use audit::AuditSchema;
pub use history::HistorySchema;
pub use stamps::StampSchema;
pub use tenancy::TenancySchema;
