//! The operator's command of sea-orm-archive.
//!
//! `sea-orm-archive list --by 7 --since 2026-11-26` lists what somebody archived, `show` shows the rows of an archival, `restore` restores it, and so on:
//! `sea-orm-archive help` lists the commands. Every command has a preview or asks before it changes something; `--yes` answers for a script,
//! and `--json` prints every answer as JSON.
//!
//! An application can have the command as a binary of its own:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     sea_orm_archive_cli::run_cli()
//! }
//! ```
//!
//! # Exit codes
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done, or nothing to report |
//! | 1 | `check` has findings; conflicts or a hold are in the way of what was asked |
//! | 2 | wrong usage, or a question that nobody could answer: pass `--yes` |
//! | 3 | there is no such archival, row or table |
//! | 4 | the answer to the question was no |
//! | 5 | the database, the schema or the rights do not allow it; or what was done could not be printed |
//! | 130 | Ctrl-C: what had not ended is rolled back |

mod answer;
mod args;
mod command;
mod confirm;
mod connect;
mod entities;
mod failure;
mod generate;
mod help;
mod query;
mod undo;

use std::process::ExitCode;

use clap::Parser;

use args::Args;
pub use entities::Entities;

/// Runs the command with the arguments of the process, and returns its exit code.
///
/// It reads `DATABASE_URL` from the environment, or from a file `.env` in this folder or one above it, as sea-orm-cli does.
pub fn run_cli() -> ExitCode {
    run_cli_with(Entities::new())
}

/// The same with the entities of an application, which `check` compares with the database too.
pub fn run_cli_with(entities: Entities) -> ExitCode {
    // A missing file is no error.
    let _ = dotenvy::dotenv();
    let args = match Args::try_parse() {
        Ok(args) => args.or_environment(),
        Err(error) => {
            // The arguments are not parsed, and an answer as JSON is wanted all the same.
            if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
                let text = error.render().to_string();
                let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
                failure::Failure::Usage(text.to_owned()).print(true);
                return ExitCode::from(2);
            }
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = answer::write(&mut std::io::stderr(), &format!("error: {error}\n"));
            return ExitCode::from(5);
        }
    };
    let is_json = args.json;
    let answered = runtime.block_on(until_interrupted(args, &entities));
    // A thread may still wait for an answer.
    runtime.shutdown_background();
    match answered {
        Ok(answer) => match answer.print(is_json) {
            Ok(()) => ExitCode::from(answer.code),
            Err(error) => {
                let failure = failure::Failure::Unprinted(error);
                failure.print(false);
                ExitCode::from(failure.code())
            }
        },
        Err(failure) => {
            if matches!(failure, failure::Failure::Interrupted) {
                // The connections are closed. PostgreSQL finds that.
                std::thread::sleep(connect::UNTIL_ROLLED_BACK);
            }
            failure.print(is_json);
            ExitCode::from(failure.code())
        }
    }
}

/// Ctrl-C drops the connection: PostgreSQL finds that, rolls back the statement that runs, and each batch before it is whole.
///
/// Race: the statement ends before PostgreSQL finds it. It is done then, as a whole.
async fn until_interrupted(
    args: Args,
    entities: &Entities,
) -> Result<answer::Answer, failure::Failure> {
    tokio::select! {
        answer = command::run(args, entities) => answer,
        _ = tokio::signal::ctrl_c() => Err(failure::Failure::Interrupted),
    }
}
