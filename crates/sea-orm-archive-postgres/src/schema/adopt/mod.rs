//! What an adoption reads from the catalog.

/// The objects that depend on columns of a table.
pub const DEPENDENTS: &str = include_str!("dependents.sql");
/// The definitions of columns, as ALTER TABLE adds them.
pub const DEFINITIONS: &str = include_str!("definitions.sql");
