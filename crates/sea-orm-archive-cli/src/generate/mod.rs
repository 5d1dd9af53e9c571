//! A migration that fixes what `check` finds.

mod call;
mod hints;
mod remedy;
mod source;

pub(crate) use call::{Call, argument};
pub(crate) use hints::hints;
pub(crate) use remedy::{Answer, answer};
pub(crate) use source::{migration, write};
