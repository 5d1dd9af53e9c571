//! Archives and restores of many trees: in one statement, and in batches.

mod attack;
mod attack_beside;
mod attack_entities;
mod batches;
mod conflicts;
mod entities;
mod links;
mod restore;
mod rights;
