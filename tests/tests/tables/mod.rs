//! Tables of many shapes: keys and values of every type, names that need quoting, every `ON DELETE`.
//!
//! Each test creates its own tables with plain SQL, and checks all of their rows afterwards. The tests share a few
//! entities, so that one plan is cached for many databases with similar tables.

mod conflicts;
mod detach;
mod detach_orders;
pub mod family;
mod followed_attacks;
mod followed_keys;
mod foreign_keys;
mod is_moving;
mod keys;
mod links_and_triggers;
mod names;
mod orders;
mod partitions;
mod physical;
mod refusals;
mod restrictions_and_triggers;
mod transactions;
