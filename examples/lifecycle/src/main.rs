//! The life of deleted rows: `cargo run -p lifecycle`. Add `-- --sql` to print the SQL statements.
//!
//! A forum: a post comes back under another slug, a comment comes back alone, the deleted are read beside the active, and old posts are
//! purged by policy. A person leaves: held by the lawyers, released, erased, with a certificate. Each step is previewed first.

mod forum;
mod person;
mod story;

use std::process::ExitCode;

fn main() -> ExitCode {
    storyteller::main("lifecycle", story::run)
}
