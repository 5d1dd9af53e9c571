//! A PostgreSQL server that ends with the process that started it, for examples, tests and
//! benches. Applications do not need it.
//!
//! Most callers use [`Server::from_env_or_start`]: the server of `DATABASE_URL`, or else a
//! throwaway one.
//!
//! ```
//! let server = throwaway_postgres::Server::from_env_or_start()?;
//! println!("connect to {}", server.url("postgres"));
//! # Ok::<(), throwaway_postgres::StartError>(())
//! ```
//!
//! # Which PostgreSQL is used
//!
//! The one in `PG_BINDIR`, if that is set. Otherwise the first of these with version 15 or newer:
//! the folders of `PATH`, the output of `pg_config --bindir`, and the usual folders of Debian,
//! Red Hat, Homebrew and Postgres.app, newest version first. Otherwise one is fetched from the
//! internet, once, with the downloading part of the crate `postgresql_embedded`. That takes a
//! minute to build, so it is in a separate workspace (`fetch`) and is built only where it is
//! needed.
//!
//! PostgreSQL refuses to run as root. For root it runs in a user namespace, or where those are
//! forbidden, as the account `postgres` or `nobody`.
//!
//! # Cleaning up
//!
//! Data, socket and log are in one folder in the temporary folder of the system. The server is
//! stopped and the folder removed when [`Postgres`] is dropped, and also when the process ends
//! without dropping anything: at `exit`, a panic, Ctrl-C or `kill -9`. A small `sh` has the other
//! end of a pipe and cleans up when the pipe closes, which the kernel does for every process that
//! ends.

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
