//! Measures sea-orm-archive and its rivals in one run.
//!
//! Every rival has its own database on one server, with the same rows, and a pool of one connection
//! with the default settings of SeaORM. In each round every rival archives and restores the same post,
//! one after the other. The order changes from round to round, so that a disturbance of the machine
//! affects all of them.

mod adopt;
mod aims;
mod audit;
mod cases;
mod databases;
mod entity;
mod floor;
mod guard;
mod history;
mod latency;
mod memory;
mod product;
mod reads;
mod rival;
mod row_by_row;
mod scale;
mod size;
mod soft_delete;
mod table;
mod target;
mod with_deleted;

pub use size::Size;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use throwaway_postgres::Postgres;

use crate::databases::{Kind, connect};

/// The result of a measurement. Any error ends the run.
pub type Fallible<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs the benchmarks and prints the tables.
///
/// # Errors
///
/// If the server does not start, or if a statement of a rival fails.
pub fn run(size: Size, parts: Parts) -> Fallible {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(&size, parts))
}

/// The parts to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Archive, history and the audit log.
    All,
    /// Archive and restore alone, without latency.
    Moves,
    /// Reads alone.
    Reads,
    /// Moves in batches, and beside a large archive.
    Scale,
    /// What guards add.
    Guard,
    /// History alone.
    History,
    /// The audit log alone.
    Audit,
    /// The adoption of marked rows alone.
    Adopt,
}

async fn measure(size: &Size, parts: Parts) -> Fallible {
    let server = Postgres::builder()
        .tcp()
        .setting("shared_buffers", "1GB")
        .setting("max_wal_size", "8GB")
        .setting("checkpoint_timeout", "1h")
        // As on a server with the default settings; the throwaway server turns it off.
        .setting("jit", "on")
        .start()?;
    print_setup(&server).await?;
    if matches!(parts, Parts::All | Parts::Moves) {
        databases::create(&server, size).await?;
        cases::run(&server, size).await?;
    }
    if parts == Parts::All {
        latency::run(&server, size).await?;
    }
    if matches!(parts, Parts::All | Parts::Reads) {
        reads::run(&server, size).await?;
    }
    if matches!(parts, Parts::All | Parts::Scale) {
        scale::run(&server, size).await?;
    }
    if matches!(parts, Parts::All | Parts::Guard) {
        guard::run(&server, size).await?;
    }
    if matches!(parts, Parts::All | Parts::History) {
        history::run(&server, size).await?;
    }
    if matches!(parts, Parts::All | Parts::Audit) {
        audit::run(&server, size).await?;
    }
    if matches!(parts, Parts::All | Parts::Adopt) {
        adopt::run(&server, size).await?;
    }
    Ok(())
}

/// Prints the settings of the server, and the rivals.
async fn print_setup(server: &Postgres) -> Fallible {
    let db = connect(&server.url("postgres")).await?;
    let sql =
        "SELECT string_agg(name || ' = ' || current_setting(name), ', ' ORDER BY name) AS settings
               FROM pg_settings WHERE name IN ('server_version', 'synchronous_commit', 'fsync',
               'full_page_writes', 'shared_buffers', 'autovacuum', 'jit', 'wal_level')";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or("no settings")?;
    println!("{}", row.try_get::<String>("", "settings")?);
    println!();
    for kind in Kind::ALL {
        println!("- {}: {}", kind.name(), kind.description());
    }
    Ok(())
}
