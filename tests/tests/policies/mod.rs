//! Restores that change what they restore: other values, other parents, parts, copies.

mod copies;
mod forum;
mod parents;
mod parts;
mod refusals;
mod skipped;
mod values;
