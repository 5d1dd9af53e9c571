//! A file for each command.

mod adopt;
mod check;
mod doctor;
mod erase;
mod events;
mod generate;
mod hold;
mod list;
mod log;
mod maintain;
mod marks;
mod plan;
mod purge;
mod restore;
mod shell;
mod show;
mod undo;

use sea_orm::DatabaseConnection;

use crate::answer::Answer;
use crate::args::{Args, Command};
use crate::connect::connect;
use crate::entities::Entities;
use crate::failure::Failure;

/// What every command has: the connection, and what the caller has decided for all of them.
pub(crate) struct Session {
    pub db: DatabaseConnection,
    pub yes: bool,
    pub actor: Option<String>,
}

/// Runs a command.
pub(crate) async fn run(args: Args, entities: &Entities) -> Result<Answer, Failure> {
    match args.command {
        Command::Completions { shell } => return Ok(shell::completions(shell)),
        Command::Man => return shell::man(),
        _ => {}
    }
    let db = connect(
        args.database_url.as_deref(),
        args.tenant.as_deref(),
        args.actor.as_deref(),
    )
    .await?;
    let session = Session {
        db,
        yes: args.yes,
        actor: args.actor,
    };
    match args.command {
        Command::Check(options) => check::run(&session, &options, entities).await,
        Command::Adopt(options) => adopt::run(&session, &options).await,
        Command::Events(options) => events::run(&session, &options).await,
        Command::Doctor => doctor::run(&session).await,
        Command::Generate(options) => generate::run(&session, &options).await,
        Command::List(filter) => list::run(&session, &filter).await,
        Command::Show(options) => show::run(&session, &options).await,
        Command::Restore(options) => restore::run(&session, &options).await,
        Command::Purge(options) => purge::run(&session, &options).await,
        Command::Hold(options) => hold::run(&session, &options).await,
        Command::Release(options) => hold::release(&session, &options).await,
        Command::Erase(options) => erase::run(&session, &options).await,
        Command::Log(options) => log::run(&session, &options).await,
        Command::Undo(options) => undo::run(&session, &options).await,
        Command::Plan(options) => plan::run(&session, &options).await,
        Command::Maintain(options) => maintain::run(&session, &options).await,
        Command::Completions { shell } => Ok(shell::completions(shell)),
        Command::Man => shell::man(),
    }
}
