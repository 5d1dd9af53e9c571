//! Valid-time history: the tables, and the foreign keys to the version valid at a time.

mod adopt;
mod company;
#[path = "../migration/database.rs"]
mod database;
mod table;
