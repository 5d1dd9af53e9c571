//! A context: set on a transaction, read by the database, reset when the transaction ends.

mod carried;
mod database;
mod dropped;
mod history;
mod moves;
mod web;
