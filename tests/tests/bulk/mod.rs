//! Archives and restores of many trees: in one statement, and in batches.

mod batches;
mod beside;
mod conflicts;
mod counters;
mod entities;
mod links;
mod odd_sets;
mod restore;
mod rights;
mod sets;
mod shop;
