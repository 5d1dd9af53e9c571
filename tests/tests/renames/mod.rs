//! Archivals from before a migration: they come back, or the error names the change and what to do.

mod dropped;
mod keys;
mod links;
mod log;
mod primary_keys;
mod replaced;
mod sequences;
mod temporal;
mod types;
