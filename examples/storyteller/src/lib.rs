//! Runs the example programs. Each program uses its own database, on the server of `DATABASE_URL` or
//! on a throwaway server. It prints its steps, and fails if a result differs from what it prints.

mod database;
mod narrator;

use std::process::ExitCode;

use sea_orm::DatabaseConnection;

pub use narrator::{Narrator, ensure};

/// Any error of an example program.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The `main` of a program: reads its arguments, creates a database, runs the story, and drops the database.
pub fn main(
    program: &str,
    story: impl AsyncFnOnce(&Narrator, &DatabaseConnection) -> Result<(), Error>,
) -> ExitCode {
    let mut prints_sql = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--sql" => prints_sql = true,
            "-h" | "--help" => {
                println!("{}", usage(program));
                return ExitCode::SUCCESS;
            }
            unknown => {
                eprintln!("unknown argument `{unknown}`\n\n{}", usage(program));
                return ExitCode::from(2);
            }
        }
    }
    match run(&Narrator::new(prints_sql), program, story) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe program failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(program: &str) -> String {
    format!(
        "Usage: cargo run -p {program} [-- OPTION]\n\n\
         Options:\n  \
         --sql       print the SQL statements of the story too\n  \
         -h, --help  print this help\n\n\
         DATABASE_URL names the server to use, as in postgres://user:password@localhost:5432/postgres: the program\n\
         creates a database there and drops it at the end. Without DATABASE_URL it starts a server of its own."
    )
}

fn run(
    narrator: &Narrator,
    program: &str,
    story: impl AsyncFnOnce(&Narrator, &DatabaseConnection) -> Result<(), Error>,
) -> Result<(), Error> {
    let server = throwaway_postgres::Server::from_env_or_start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let scratch = database::Scratch::create(&server, program).await?;
        let result = tokio::select! {
            result = run_story(narrator, &scratch, story) => result,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        };
        scratch.remove().await?;
        result
    })
}

async fn run_story(
    narrator: &Narrator,
    scratch: &database::Scratch,
    story: impl AsyncFnOnce(&Narrator, &DatabaseConnection) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut db = scratch.connect().await?;
    narrator.print_statements(&mut db);
    story(narrator, &db).await
}
