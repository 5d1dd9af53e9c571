//! A PostgreSQL server that dies with the process that started it, for examples, tests and
//! benches. Applications never need it.
//!
//! [`Server::from_env_or_start`] is what most callers want: the server that `DATABASE_URL` names,
//! or else a throwaway one.
//!
//! ```
//! let server = throwaway_postgres::Server::from_env_or_start()?;
//! println!("connect to {}", server.url("postgres"));
//! # Ok::<(), throwaway_postgres::StartError>(())
//! ```
//!
//! # Where PostgreSQL comes from
//!
//! From `PG_BINDIR`, if it is set. Else from the first of these that has version 15 or newer: the
//! folders of `PATH`, what `pg_config --bindir` says, and the usual folders of Debian, Red Hat,
//! Homebrew and Postgres.app, newest version first. Else one is fetched from the internet, once,
//! with the downloading half of the crate `postgresql_embedded`. That takes a minute to build, so
//! it lives in a workspace of its own (`fetch`) and is built only where it is needed.
//!
//! Root may not run PostgreSQL. It runs then in a user namespace, or where those are forbidden,
//! as the account `postgres` or `nobody`.
//!
//! # Where it goes
//!
//! Data, socket and log are in one folder below the system's temporary folder. Server and folder
//! go when [`Postgres`] is dropped, and also when the process ends without dropping anything: at
//! `exit`, a panic, Ctrl-C or `kill -9`. A small `sh` holds the other end of a pipe and cleans up
//! when the pipe closes, which the kernel does for every process that ends.

#[cfg(not(unix))]
compile_error!("a throwaway PostgreSQL needs Unix: sockets, signals and sh");

mod account;
mod error;
mod fetch;
mod installation;
mod postgres;
mod server;
mod watcher;

pub use error::StartError;
pub use postgres::{Builder, Postgres};
pub use server::Server;
