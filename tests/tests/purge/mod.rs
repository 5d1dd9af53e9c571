//! Archived rows that are deleted for good, and keys that are archived.

mod archivals;
mod keys;
mod many;
