//! `sea-orm-archive`: what was archived, for those who run the database.

use std::process::ExitCode;

fn main() -> ExitCode {
    sea_orm_archive_cli::run_cli()
}
