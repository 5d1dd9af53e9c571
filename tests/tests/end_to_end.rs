//! End-to-end tests of sea-orm-archive, a folder for each subject. One binary, so that the workspace is linked once;
//! `cargo test -p sea-orm-archive-tests --test end_to_end tenancy::` runs a folder.

mod attacks;
mod audit;
mod bulk;
mod check;
mod chinook;
mod context;
mod forum;
mod harness;
mod history;
mod locking;
mod migration;
mod patterns;
mod purge;
mod races;
mod renames;
mod retention;
mod rings;
mod schemas;
mod servers;
mod stamps;
mod tables;
mod temporal;
mod tenancy;
mod trees;
mod triggers;
