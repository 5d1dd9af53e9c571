//! The life of deleted rows: `cargo run -p lifecycle`. Add `-- --sql` to print the SQL statements.
//!
//! A forum: a post comes back under another slug, a comment comes back alone, the deleted are read beside the active, and old posts are
//! purged by policy. A person leaves: held by the lawyers, released, erased, with a certificate. A stray DELETE is caught, and a search index follows. Each step is previewed first.

mod forum;
mod person;
mod story;
mod stray;

use std::process::ExitCode;

fn main() -> ExitCode {
    storyteller::main("lifecycle", story::run)
}
