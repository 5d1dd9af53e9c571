//! Archive, restore and purge end to end, a folder for each subject; `cargo test -p sea-orm-archive-tests --test archive trees::` runs a
//! folder. What changes over time, and who changed it, is in `accountability`: two binaries, which are compiled side by side.

mod adopt;
mod bulk;
mod check;
mod chinook;
mod events;
mod forum;
mod guard;
mod harness;
mod holds;
mod hooks;
mod life;
mod partitioned;
mod patterns;
mod policies;
mod purge;
mod races;
mod reads;
mod rings;
mod schemas;
mod servers;
mod tables;
mod trees;
mod triggers;

/// Tenants, whose own tests are in `accountability`.
#[allow(dead_code, reason = "not all of it is used here")]
mod tenancy {
    pub mod database;
    pub mod model;
}
