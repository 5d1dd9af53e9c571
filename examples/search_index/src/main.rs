//! A search index that follows the database: `cargo run -p search_index`. Add `-- --sql` to print the SQL statements.
//!
//! The index is outside of the database, here in memory. It reads the events of archives, restores and purges, and the tables: what is
//! archived is not found, what comes back is. At the end it has what an index that is built anew has.

mod follower;
mod forum;
mod index;
mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    storyteller::main("search_index", story::run)
}
