//! The story of sea-orm-archive, told by a program: `cargo run -p tour`, with `-- --sql` to see the
//! SQL that runs.

mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    storyteller::main("tour", story::tell)
}
