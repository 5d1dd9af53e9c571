//! Known races in fixed interleavings: each runs in the order in which a wrong protocol loses a row, or archives an old
//! copy of it.
//!
//! Some races run also with a naive archive in the same order, which shows that the test can fail.

mod against_archive;
mod against_restore;
pub mod blog;
mod detached;
mod naive;
mod schema_changes;
mod tree;
