//! Archived rows that are deleted for good, and keys that are archived.

mod archivals;
mod attacked;
mod keys;
mod many;
