//! Row-level security for several tenants in one database: nothing of another tenant is seen, written, moved or lost.

mod administrators;
mod audit;
mod database;
mod forged;
mod histories;
mod log;
mod migrations;
mod model;
mod neighbours;
mod parity;
mod tenants;
