//! The API for migrations: a trait for each feature, implemented for `SchemaManager`.

mod adopt;
mod archive;
mod audit;
mod erasure;
mod event;
mod guard;
mod history;
mod hold;
mod retention;
mod stamps;
mod tenancy;
mod trigger;

pub use adopt::AdoptSchema;
pub use archive::ArchiveSchema;
pub use audit::AuditSchema;
pub use erasure::ErasureSchema;
pub use event::EventSchema;
pub use guard::GuardSchema;
pub use history::HistorySchema;
pub use hold::HoldSchema;
pub use retention::RetentionSchema;
pub use stamps::StampSchema;
pub use tenancy::TenancySchema;
pub use trigger::TriggerSchema;
