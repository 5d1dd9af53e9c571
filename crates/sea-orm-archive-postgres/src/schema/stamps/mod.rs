//! Stamps: who created and updated a row, and when.

/// The actor of the context as a value of another type.
pub const ACTOR: &str = include_str!("actor.sql");
/// The trigger function that stamps a table.
pub const FUNCTION: &str = include_str!("function.sql");
/// The part of the function that finds the columns that a foreign key wrote.
pub const LINKS: &str = include_str!("links.sql");
/// Reads the actor in the function of a stamped table.
pub const UPDATED_BY: &str = include_str!("updated_by.sql");
