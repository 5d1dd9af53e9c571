//! The story of valid-time history, told by a program: `cargo run -p departments`, with `-- --sql` to
//! see the SQL that runs.
//!
//! The departments are countries here, because everybody can check what those were called, and when.

mod country;
mod country_history;
mod facts;
mod migration;
mod person;
mod person_audit;
mod picture;
mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    storyteller::main("departments", story::tell)
}
