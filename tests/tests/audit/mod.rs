//! The audit log: who changed which row, when, and from what to what.

mod attacker;
mod database;
mod default_privileges;
mod drift;
mod entities;
mod entries;
mod faults;
mod odd_columns;
mod operations;
mod properties;
mod reads;
mod revert;
mod versions;
