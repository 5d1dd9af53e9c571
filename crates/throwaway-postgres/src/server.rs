//! The server that `DATABASE_URL` names, or a throwaway one.

use std::{env, path::Path};

use crate::{Postgres, StartError};

/// A server to make scratch databases on.
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
    address: Address,
    started: Option<Postgres>,
}

impl Server {
    /// The server of `DATABASE_URL`, if that is set; else a throwaway one is started.
    ///
    /// # Errors
    ///
    /// If `DATABASE_URL` is no PostgreSQL address, or as for [`Postgres::start`].
    pub fn from_env_or_start() -> Result<Self, StartError> {
        match env::var("DATABASE_URL") {
            Ok(url) if !url.trim().is_empty() => Ok(Self {
                address: Address::parse(url.trim()).ok_or(StartError::BadDatabaseUrl)?,
                started: None,
            }),
            _ => Postgres::start().map(Self::from),
        }
    }

    /// The address to connect to before any database of one's own exists: `DATABASE_URL` as it
    /// is, or the database `postgres`.
    pub fn admin_url(&self) -> String {
        let database = self.address.database.as_deref();
        self.address.url(database.unwrap_or("postgres"))
    }

    /// The address of a database on this server.
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// The address of a database for another role.
    pub fn url_as(&self, database: &str, role: &str, password: &str) -> String {
        self.address.url_as(database, role, password)
    }

    /// The throwaway server, or `None` if `DATABASE_URL` named one. What is left on a server that
    /// somebody else runs has to be removed by hand.
    pub fn throwaway(&self) -> Option<&Postgres> {
        self.started.as_ref()
    }
}

impl From<Postgres> for Server {
    fn from(postgres: Postgres) -> Self {
        Self {
            address: postgres.address(),
            started: Some(postgres),
        }
    }
}

/// The parts of `postgres://user:password@host:port/database?parameters`, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    scheme: String,
    user: Option<String>,
    host: String,
    database: Option<String>,
    parameters: Option<String>,
}

impl Address {
    pub(crate) fn socket(folder: &Path, port: u16) -> Self {
        Self {
            scheme: "postgres".to_owned(),
            user: Some("postgres".to_owned()),
            host: format!("localhost:{port}"),
            database: None,
            parameters: Some(format!(
                "host={}",
                encode(&folder.to_string_lossy()).replace("%2F", "/")
            )),
        }
    }

    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return None;
        }
        let (rest, parameters) = match rest.split_once('?') {
            Some((rest, parameters)) => (rest, Some(parameters.to_owned())),
            None => (rest, None),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        // The last one: an unencoded password may hold another.
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        Some(Self {
            scheme: scheme.to_owned(),
            user,
            host: host.to_owned(),
            database: Some(database.to_owned()).filter(|database| !database.is_empty()),
            parameters,
        })
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.format(self.user.as_deref(), database)
    }

    pub(crate) fn url_as(&self, database: &str, role: &str, password: &str) -> String {
        let user = format!("{}:{}", encode(role), encode(password));
        self.format(Some(&user), database)
    }

    fn format(&self, user: Option<&str>, database: &str) -> String {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let parameters = match &self.parameters {
            Some(parameters) => format!("?{parameters}"),
            None => String::new(),
        };
        format!(
            "{}://{user}{}/{database}{parameters}",
            self.scheme, self.host
        )
    }
}

/// Percent-encodes what means something in an address.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_address_keeps_all_but_its_database() {
        let address = Address::parse("postgres://me:s%40crt@db.example:6543/app?sslmode=require");
        let address = address.unwrap();
        assert_eq!(
            address.url("scratch"),
            "postgres://me:s%40crt@db.example:6543/scratch?sslmode=require"
        );
        assert_eq!(
            address.url_as("scratch", "an/or", "p@ss"),
            "postgres://an%2For:p%40ss@db.example:6543/scratch?sslmode=require"
        );
        assert_eq!(address.database.as_deref(), Some("app"));
    }

    #[test]
    fn short_addresses() {
        let bare = Address::parse("postgresql://localhost").unwrap();
        assert_eq!(bare.url("a"), "postgresql://localhost/a");
        assert_eq!(bare.database, None);
        let socket = Address::parse("postgres:///app?host=/run/postgresql").unwrap();
        assert_eq!(socket.url("a"), "postgres:///a?host=/run/postgresql");
        assert_eq!(Address::parse("mysql://localhost/app"), None);
        assert_eq!(Address::parse("localhost"), None);
    }

    #[test]
    fn a_folder_of_any_name() {
        let address = Address::socket(Path::new("/tmp/with space&"), 5432);
        assert_eq!(
            address.url("a"),
            "postgres://postgres@localhost:5432/a?host=/tmp/with%20space%26"
        );
    }
}
