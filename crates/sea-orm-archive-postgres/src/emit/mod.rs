//! The statements, as text. Every name is quoted and schema-qualified, every column listed.

pub mod archive;
pub mod conflict;
pub mod defer;
mod detach;
mod freshness;
pub mod orphan;
pub mod preview;
pub mod relink;
pub mod restore;
mod rewrite;
mod tree;

pub use freshness::{moving, resolved, unchanged};
pub use tree::Roots;
