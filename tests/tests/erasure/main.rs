//! Erasure, as a binary of its own.
#[path = "mod.rs"]
mod erasure;
