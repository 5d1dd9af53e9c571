//! The command with the entities of the blog: `cargo run -p sea-orm-archive-cli --example operator -- check --rehearse`.

use std::process::ExitCode;

use sea_orm_archive_cli::{Entities, run_cli_with};

fn main() -> ExitCode {
    run_cli_with(Entities::new().with::<blog::post::Entity>())
}
