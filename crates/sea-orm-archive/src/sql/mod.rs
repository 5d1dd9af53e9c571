//! The statements, as text. Every name is quoted and schema-qualified, every column listed.

pub(crate) mod archive;
mod basis;
pub(crate) mod conflict;
mod detach;
pub(crate) mod hand_over;
mod name;
pub(crate) mod orphan;
pub(crate) mod preview;
pub(crate) mod relink;
pub(crate) mod restore;
mod rewrite;
pub(crate) mod template;
mod tree;

pub(crate) use basis::{moving, resolved, unchanged};
pub(crate) use name::{columns, exact, key_object, literal, object, quote, same_key, type_name};
pub(crate) use tree::Roots;
