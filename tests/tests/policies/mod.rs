//! Restores that change what they restore: other values, other parents, parts, copies.

mod attacked;
mod copies;
mod forum;
mod parents;
mod parts;
mod properties;
mod races;
mod refusals;
mod sets;
mod skipped;
mod values;
