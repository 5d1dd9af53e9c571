//! Who changed which row, when, and from what to what.

mod database;
mod entries;
