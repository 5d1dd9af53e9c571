//! The story of sea-orm-archive, told by a program: `cargo run -p tour`, with `-- --sql` to see the
//! SQL that runs.
//!
//! It tells the story in a database of its own, on the server of `DATABASE_URL` or on a throwaway
//! one, and exits with an error if anything is not as it says.

mod database;
mod narrator;
mod story;

use std::process::ExitCode;

use narrator::Narrator;

/// Whatever went wrong, as a sentence.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let narrator = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => Narrator::new(false),
        [sql] if sql == "--sql" => Narrator::new(true),
        _ => {
            eprintln!("usage: cargo run -p tour [-- --sql]");
            return ExitCode::from(2);
        }
    };
    match run(&narrator) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe tour ended early: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(narrator: &Narrator) -> Result<(), Error> {
    let server = throwaway_postgres::Server::from_env_or_start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let scratch = database::Scratch::create(&server).await?;
        let told = tokio::select! {
            told = tell(narrator, &scratch) => told,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        };
        scratch.remove().await?;
        told
    })
}

async fn tell(narrator: &Narrator, scratch: &database::Scratch) -> Result<(), Error> {
    let mut db = scratch.connect().await?;
    narrator.listen(&mut db);
    story::tell(narrator, &db).await
}
