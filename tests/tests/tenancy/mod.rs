//! Row-level security for several tenants in one database: nothing of another tenant is seen, written, moved or lost.

mod administrators;
mod attribution;
mod audit;
mod bare;
mod columns;
mod database;
mod drifts;
mod followed;
mod forged;
mod guards;
mod histories;
mod ledger;
mod log;
mod migrations;
mod mixed;
mod model;
mod neighbours;
mod nested;
mod odd_names;
mod parity;
mod remains;
mod splits;
mod swapped;
mod temporal;
mod tenants;
mod versions;
