//! What migrations do to the database.

mod alter;
mod archive_table;
mod cycle;
pub(crate) mod database;
mod fit;
mod install;
mod names;
mod privileges;
mod remove;
mod sequence;
mod swapped;
mod sync;
