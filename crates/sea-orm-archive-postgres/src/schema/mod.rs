//! The schema `archive` and the statements of the migration helpers, by feature.

mod version;

pub mod archive_table;
pub mod audit;
pub mod core;
pub mod history;
pub mod stamps;
pub mod table_names;
pub mod tenancy;

pub use version::{VERSION, Version};

/// A trigger of the application, with why it cannot be replaced.
pub const TRIGGER: &str = include_str!("trigger.sql");
