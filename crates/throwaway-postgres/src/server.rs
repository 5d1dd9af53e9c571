//! The server that `DATABASE_URL` names, or a throwaway one.

use std::{
    env, io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use url::Url;

use crate::{Postgres, StartError};

/// A server for scratch databases.
///
/// ```
/// use throwaway_postgres::Server;
///
/// let server = Server::from_env_or_start()?;
/// let admin = server.admin_url();      // connect here for CREATE DATABASE
/// let scratch = server.url("scratch"); // and then here
/// # Ok::<(), throwaway_postgres::StartError>(())
/// ```
#[derive(Debug)]
pub struct Server {
    url: Url,
    started: Option<Postgres>,
}

impl Server {
    /// The server of `DATABASE_URL`, if that is set; otherwise starts a throwaway one.
    ///
    /// # Errors
    ///
    /// If `DATABASE_URL` is no PostgreSQL address, or nothing answers there within seconds; or as for [`Postgres::start`].
    pub fn from_env_or_start() -> Result<Self, StartError> {
        match env::var("DATABASE_URL") {
            Ok(url) if !url.trim().is_empty() => {
                let url = parse(url.trim())?;
                reach(&url)?;
                Ok(Self { url, started: None })
            }
            _ => Postgres::start().map(Self::from),
        }
    }

    /// The address to connect to before a scratch database exists: `DATABASE_URL` unchanged, or
    /// the database `postgres`.
    pub fn admin_url(&self) -> String {
        match self.url.path() {
            "" | "/" => self.url("postgres"),
            _ => self.url.to_string(),
        }
    }

    /// The address of a database on this server.
    pub fn url(&self, database: &str) -> String {
        with_database(&self.url, database)
    }

    /// The address of a database for another role.
    pub fn url_as(&self, database: &str, role: &str, password: &str) -> String {
        with_role(&self.url, database, role, password)
    }

    /// The throwaway server, or `None` if `DATABASE_URL` is set. On the server of `DATABASE_URL`
    /// the caller has to drop the scratch databases.
    pub fn throwaway(&self) -> Option<&Postgres> {
        self.started.as_ref()
    }
}

impl From<Postgres> for Server {
    fn from(postgres: Postgres) -> Self {
        Self {
            url: postgres.address().clone(),
            started: Some(postgres),
        }
    }
}

/// Connects once: a pool would try again for half a minute, and then report a time-out.
fn reach(url: &Url) -> Result<(), StartError> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let port = url.port().unwrap_or(5432);
    let socket = url.query_pairs().find(|(name, _)| name == "host");
    let socket = socket
        .map(|(_, host)| host.into_owned())
        .filter(|host| host.starts_with('/'));
    let (address, reached) = match (socket, url.host_str()) {
        (Some(folder), _) => {
            let path = Path::new(&folder).join(format!(".s.PGSQL.{port}"));
            (
                path.display().to_string(),
                UnixStream::connect(&path).map(drop),
            )
        }
        // sqlx reads a host that is a path as the folder of a socket.
        (None, Some(host)) if !host.starts_with("%2F") => (
            format!("{host}:{port}"),
            (host.trim_matches(['[', ']']), port)
                .to_socket_addrs()
                .and_then(|addresses| connect_to_any(addresses, PATIENCE)),
        ),
        _ => return Ok(()),
    };
    reached.map_err(|source| StartError::Unreachable { address, source })
}

/// Connects to the first address that answers.
fn connect_to_any(
    addresses: impl Iterator<Item = SocketAddr>,
    patience: Duration,
) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The address of a server on a Unix socket.
pub(crate) fn socket_url(folder: &Path, port: u16) -> Result<Url, StartError> {
    let mut url = parse(&format!("postgres://postgres@localhost:{port}"))?;
    let folder = folder.to_string_lossy();
    let folder = folder.replace('%', "%25").replace('&', "%26");
    url.set_query(Some(&format!("host={}", folder.replace('+', "%2B"))));
    Ok(url)
}

fn parse(url: &str) -> Result<Url, StartError> {
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") && url.has_authority() => {
            Ok(url)
        }
        _ => Err(StartError::BadDatabaseUrl),
    }
}

/// The same server, another database.
pub(crate) fn with_database(url: &Url, database: &str) -> String {
    let mut url = url.clone();
    url.set_path(database);
    url.into()
}

/// The same server, another database and another role.
pub(crate) fn with_role(url: &Url, database: &str, role: &str, password: &str) -> String {
    let mut url = url.clone();
    if !url.has_host() {
        // The URL needs a host, but clients use the parameter `host`.
        let _ = url.set_host(Some("localhost"));
    }
    let _ = url.set_username(role).and(url.set_password(Some(password)));
    with_database(&url, database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_replaces_only_the_database_of_a_given_address() {
        let url = parse("postgres://me:s%40crt@db.example:6543/app?sslmode=require").unwrap();
        assert_eq!(
            with_database(&url, "scratch"),
            "postgres://me:s%40crt@db.example:6543/scratch?sslmode=require"
        );
        assert_eq!(
            with_role(&url, "scratch", "an/or", "p@ss"),
            "postgres://an%2For:p%40ss@db.example:6543/scratch?sslmode=require"
        );
    }

    #[test]
    fn addresses_without_database_or_host_are_completed() {
        let bare = parse("postgresql://localhost").unwrap();
        assert_eq!(with_database(&bare, "a"), "postgresql://localhost/a");
        let server = Server {
            url: bare,
            started: None,
        };
        assert_eq!(server.admin_url(), "postgresql://localhost/postgres");
        let socket = parse("postgres:///app?host=/run/postgresql").unwrap();
        assert_eq!(
            with_database(&socket, "a"),
            "postgres:///a?host=/run/postgresql"
        );
        assert_eq!(
            with_role(&socket, "a", "me", "x"),
            "postgres://me:x@localhost/a?host=/run/postgresql"
        );
        assert!(parse("mysql://localhost/app").is_err());
        assert!(parse("localhost").is_err());
        assert!(parse("postgres:app").is_err());
    }

    #[test]
    fn folder_of_the_socket_is_encoded_in_the_address() {
        let url = socket_url(Path::new("/tmp/with space&"), 5432).unwrap();
        assert_eq!(
            with_database(&url, "a"),
            "postgres://postgres@localhost:5432/a?host=/tmp/with%20space%26"
        );
    }
}
