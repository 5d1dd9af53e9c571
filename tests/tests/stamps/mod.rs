//! Stamps: the database writes who created a row, who changed it last, and when.

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
