//! The error of starting a server.

use std::{fmt, io, path::PathBuf};

/// Why a server could not be started.
///
/// Its `Debug` is its `Display`, so that a `main` that returns it, or a test that unwraps it,
/// prints what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No PostgreSQL is installed, and none could be fetched.
    #[error(
        "no PostgreSQL 15 or newer was found{}, and fetching one from the internet failed: {fetch}\n\n\
         Do one of these:\n  \
         - install PostgreSQL 15 or newer with the system's package manager \
         (apt install postgresql, dnf install postgresql-server, brew install postgresql@17)\n  \
         - set PG_BINDIR to the folder that has its initdb and postgres\n  \
         - set DATABASE_URL to a server that is running, such as \
         postgres://user:password@localhost/postgres; its user must be allowed to create databases",
        skipped(.too_old)
    )]
    NotFound {
        /// Installations that were skipped: each folder and its version.
        too_old: Vec<(PathBuf, u32)>,
        /// The reason why none could be fetched.
        fetch: String,
    },

    /// `PG_BINDIR` is a folder without a usable PostgreSQL.
    #[error("PG_BINDIR is {}: {reason}", .bindir.display())]
    BadBindir {
        /// The value of `PG_BINDIR`.
        bindir: PathBuf,
        /// The problem with it.
        reason: String,
    },

    /// `DATABASE_URL` is not the address of a PostgreSQL server.
    #[error("DATABASE_URL should have the form postgres://user:password@host:5432/database")]
    BadDatabaseUrl,

    /// Nothing answers at the address of `DATABASE_URL`.
    #[error(
        "cannot reach the PostgreSQL server of DATABASE_URL at {address}: {source}\n\n\
         Start it, correct DATABASE_URL, or unset it to use a throwaway server"
    )]
    Unreachable {
        /// Host and port, or the path of the socket.
        address: String,
        /// What the operating system reports.
        source: io::Error,
    },

    /// PostgreSQL refuses to run as root, and no other account was found to run it.
    #[error(
        "PostgreSQL refuses to run as root; user namespaces are not allowed here (`unshare --user`), \
         and there is neither an account `postgres` nor `nobody`"
    )]
    OnlyRoot,

    /// A command to the server failed.
    #[error("{command} of the throwaway PostgreSQL failed; its log ends with:\n{log}")]
    Server {
        /// `initdb`, `start`, `stop` or `kill9`.
        command: &'static str,
        /// The last lines of the log.
        log: String,
    },

    /// The operating system refused something.
    #[error("cannot run a throwaway PostgreSQL: {0}")]
    Io(io::Error),
}

impl fmt::Debug for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn skipped(too_old: &[(PathBuf, u32)]) -> String {
    if too_old.is_empty() {
        return String::new();
    }
    let list: Vec<String> = too_old
        .iter()
        .map(|(bindir, version)| format!("PostgreSQL {version} in {}", bindir.display()))
        .collect();
    format!(" (too old: {})", list.join(", "))
}
