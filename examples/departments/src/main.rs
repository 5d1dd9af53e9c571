//! An example of valid-time history: `cargo run -p departments`. Add `-- --sql` to print the SQL
//! statements.
//!
//! The example uses countries as departments, because their names and dates are easy to check.

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
    storyteller::main("departments", story::run)
}
