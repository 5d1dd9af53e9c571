//! How the example programs tell their stories: each in a database of its own, on the server of
//! `DATABASE_URL` or on a throwaway one, with an error if anything is not as it says.

mod database;
mod narrator;

use std::process::ExitCode;

use sea_orm::DatabaseConnection;

pub use narrator::{Narrator, ensure};

/// Whatever went wrong, as a sentence.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The `main` of a program: reads `--sql` from its arguments, makes a database, tells the story, and
/// removes the database.
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
            eprintln!("\nThe story ended early: {error}");
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
        let told = tokio::select! {
            told = tell(narrator, &scratch, story) => told,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        };
        scratch.remove().await?;
        told
    })
}

async fn tell(
    narrator: &Narrator,
    scratch: &database::Scratch,
    story: impl AsyncFnOnce(&Narrator, &DatabaseConnection) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut db = scratch.connect().await?;
    narrator.listen(&mut db);
    story(narrator, &db).await
}
