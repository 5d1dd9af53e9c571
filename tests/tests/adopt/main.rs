//! Adoption of tables that mark deleted rows, as a binary of its own.
#[path = "mod.rs"]
mod adopt;
