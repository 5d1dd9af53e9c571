//! Fixed interleavings: each race that is known, run in the one order in which a wrong protocol loses
//! a row, or keeps an old copy of it.
//!
//! Next to what the product does stands what a naive archive does in the same order, so that a test
//! here is known to be able to fail.

mod against_archive;
mod against_restore;
mod blog;
mod detached;
mod naive;
mod schema_changes;
mod tree;
