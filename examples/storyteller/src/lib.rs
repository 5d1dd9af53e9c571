//! Runs the example programs. Each program uses its own database, on the server of `DATABASE_URL` or
//! on a throwaway server. It prints its steps, and fails if a result differs from what it prints.

mod database;
mod narrator;

use std::process::ExitCode;

use sea_orm::DatabaseConnection;

pub use narrator::{Narrator, ensure};

/// Any error of an example program.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The `main` of a program: reads `--sql` from its arguments, creates a database, runs the story, and
/// drops the database.
pub fn main(
    program: &str,
    story: impl AsyncFnOnce(&Narrator, &DatabaseConnection) -> Result<(), Error>,
) -> ExitCode {
    let narrator = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => Narrator::new(false),
        [sql] if sql == "--sql" => Narrator::new(true),
        _ => {
            eprintln!("usage: cargo run -p {program} [-- --sql]");
            return ExitCode::from(2);
        }
    };
    match run(&narrator, program, story) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe program failed: {error}");
            ExitCode::FAILURE
        }
    }
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
