//! Histories, the audit log, stamps, locks, tenants, retention and erasure end to end, and attacks on all of it; a folder for each subject.
//! `cargo test -p sea-orm-archive-tests --test accountability tenancy::` runs a folder.

mod attacks;
mod audit;
mod context;
mod erasure;
mod history;
mod locking;
mod migration;
mod renames;
mod retention;
mod stamps;
mod temporal;
mod tenancy;

// Fixtures of the tests in `archive`.
#[allow(dead_code, reason = "not all of it is used here")]
mod races {
    pub mod blog;
}
#[allow(dead_code, reason = "not all of it is used here")]
mod tables {
    pub mod family;
}
