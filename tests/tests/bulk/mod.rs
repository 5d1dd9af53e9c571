//! Archives and restores of many trees: in one statement, and in batches.

mod batches;
mod conflicts;
mod entities;
mod links;
mod restore;
mod rights;
