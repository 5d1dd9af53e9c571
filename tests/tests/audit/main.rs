//! Who changed which row, when, and from what to what.

mod database;
mod entities;
mod entries;
mod reads;
