//! Archivals from before a migration: they come back, or the error names the change and what to do.

mod dropped;
mod keys;
mod links;
mod log;
mod sequences;
mod temporal;
