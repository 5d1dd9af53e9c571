//! A tour of sea-orm-archive: `cargo run -p tour`. Add `-- --sql` to print the SQL statements.

mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    storyteller::main("tour", story::run)
}
