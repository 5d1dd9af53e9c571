//! Who acts is set on a transaction, read by the database, and gone with it.

mod carried;
mod database;
mod dropped;
mod history;
mod moves;
mod web;
