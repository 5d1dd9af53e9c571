//! Reads that include the deleted rows: `find_with_deleted`.

mod blog;
mod contents;
mod migrations;
mod plans;
mod properties;
mod rights;
mod selects;
mod shapes;
