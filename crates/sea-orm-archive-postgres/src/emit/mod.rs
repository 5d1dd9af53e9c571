//! The statements, as text. Every name is quoted and schema-qualified, every column listed.

pub mod archive;
pub mod change;
pub mod conflict;
pub mod copy;
pub mod defer;
mod detach;
mod freshness;
pub mod orphan;
mod partitions;
pub mod preview;
pub mod relink;
pub mod restore;
mod rewrite;
pub mod split;
pub mod together;
mod tree;

pub use freshness::{moving, moving_back, resolved, unchanged};
pub use partitions::no_copied_key_twice;
pub use tree::Roots;

/// A statement of `archive.run`.
#[derive(Clone, Debug)]
pub struct Step {
    /// The statement.
    pub sql: String,
    /// How it runs.
    pub kind: Kind,
}

/// How a [`Step`] runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Once.
    Once,
    /// Until it returns the same result twice.
    Settles,
    /// Once, and it moves rows. Later steps read its result.
    Moves,
    /// Once, with the result of the move as a parameter, and not prepared.
    Compares,
    /// The same, only if the step before returned `true`.
    IfTrue,
    /// As a command that cannot be prepared.
    Command,
}

impl Kind {
    /// As `archive.run` reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Settles => "settles",
            Self::Moves => "moves",
            Self::Compares => "compares",
            Self::IfTrue => "if_true",
            Self::Command => "command",
        }
    }
}

impl Step {
    fn new(kind: Kind, sql: String) -> Self {
        Self { sql, kind }
    }
}
