//! Tables of every make: keys and values of every type, names of any spelling, every `ON DELETE`.
//!
//! Each test makes tables of its own by hand, and says where every row of them is afterwards. The
//! entities are few, so that one plan is kept for many databases that look alike and are not.

mod conflicts;
mod detach;
mod detach_orders;
mod family;
mod followed_attacks;
mod followed_keys;
mod foreign_keys;
mod keys;
mod links_and_triggers;
mod names;
mod orders;
mod physical;
mod refusals;
mod restrictions_and_triggers;
mod transactions;
