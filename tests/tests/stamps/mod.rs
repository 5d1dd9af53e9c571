//! Who made a row and who changed it last, and when, is said by the database.

mod actors;
mod columns;
mod database;
mod insert;
mod links;
mod moves;
mod partitions;
mod remove;
mod table;
mod update;
