//! The statements, as text. Every name is quoted and schema-qualified, every column listed.

pub mod archive;
mod basis;
pub mod conflict;
pub mod defer;
mod detach;
pub mod orphan;
pub mod preview;
pub mod relink;
pub mod restore;
mod rewrite;
mod tree;

pub use basis::{moving, resolved, unchanged};
pub use tree::Roots;
