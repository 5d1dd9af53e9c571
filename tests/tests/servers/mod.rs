//! Servers and sessions: pools, poolers, replicas, dumps, and what a session accumulates.

mod changed_types;
mod dumps;
mod guarded;
mod in_migrations;
mod notes;
mod pgbouncer;
mod prepared;
pub(crate) mod programs;
mod publications;
mod schema_sync;
mod standby;
mod two_phase;
