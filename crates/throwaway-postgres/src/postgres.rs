//! A throwaway server.

use std::{
    fs::OpenOptions,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use url::Url;

use crate::{
    StartError,
    account::Account,
    installation::Installation,
    server::{socket_url, with_database, with_role},
    watcher::Watcher,
};

/// The settings of every throwaway server.
const ALWAYS: [(&str, &str); 3] = [
    ("max_connections", "200"),
    // Shared memory is in files in its folder: nothing is left in /dev/shm after a kill.
    ("dynamic_shared_memory_type", "mmap"),
    ("timezone", "UTC"),
];

/// The settings of a server that is not durable: a crash may lose its data.
const FAST: [(&str, &str); 9] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    // The WAL takes memory, and checkpoints cost nothing.
    ("max_wal_size", "128MB"),
    // The queries are small and are planned again in many databases.
    ("jit", "off"),
    ("max_logical_replication_workers", "0"),
    // A worker in a database delays copying it by a tenth of a second.
    ("autovacuum", "off"),
];

/// A running PostgreSQL. It is stopped, and all its data is removed, when this is dropped or when
/// the process ends in any way.
///
/// The superuser is `postgres`, without a password: only the account that started the server can
/// access the folder of the socket.
///
/// ```
/// use throwaway_postgres::Postgres;
///
/// let postgres = Postgres::start()?;
/// assert!(postgres.url("postgres").starts_with("postgres://postgres@localhost"));
/// postgres.stop();
/// # Ok::<(), throwaway_postgres::StartError>(())
/// ```
#[derive(Debug)]
pub struct Postgres {
    /// Locked while a command runs: the answers come in the order of the commands.
    watcher: Mutex<Watcher>,
    folder: PathBuf,
    address: Url,
    version: u32,
    port: u16,
    tcp: bool,
}

impl Postgres {
    /// Starts a server that is fast and not durable, on a Unix socket.
    ///
    /// # Errors
    ///
    /// If no PostgreSQL can be found or fetched, or it does not start.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Options for another kind of server.
    ///
    /// ```
    /// use throwaway_postgres::Postgres;
    ///
    /// let postgres = Postgres::builder()
    ///     .durable()
    ///     .tcp()
    ///     .setting("work_mem", "64MB")
    ///     .start()?;
    /// assert!(postgres.tcp_address().is_some());
    /// # Ok::<(), throwaway_postgres::StartError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address of a database on this server, over its Unix socket.
    pub fn url(&self, database: &str) -> String {
        with_database(&self.address, database)
    }

    /// The address of a database for another role than `postgres`.
    pub fn url_as(&self, database: &str, role: &str, password: &str) -> String {
        with_role(&self.address, database, role, password)
    }

    pub(crate) fn address(&self) -> &Url {
        &self.address
    }

    /// The TCP address on which it listens, if [`Builder::tcp`] was called.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp
            .then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }

    /// The address of a database through TCP: through `to`, where a proxy may listen, or
    /// [`Self::tcp_address`].
    pub fn tcp_url(&self, to: SocketAddr, database: &str) -> String {
        format!("postgres://postgres@{to}/{database}")
    }

    /// The folder with its data (`data`), its socket and its log (`log`).
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The major version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Kills the server and all its processes with SIGKILL, as a power failure would. The data
    /// stays; [`Self::restart`] recovers from it.
    ///
    /// # Errors
    ///
    /// If the shell that owns the server has ended.
    pub fn kill9(&self) -> Result<(), StartError> {
        self.watcher().ask("kill9").map(drop)
    }

    /// Starts the server on its data again, after [`Self::kill9`]. A running server is stopped
    /// cleanly first. Addresses stay the same. Returns when it accepts connections, after recovery.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn restart(&self) -> Result<(), StartError> {
        let mut watcher = self.watcher();
        watcher.ask("stop")?;
        watcher.ask("start").map(drop)
    }

    /// Stops the server and removes its folder, as dropping it does.
    pub fn stop(self) {}

    fn watcher(&self) -> MutexGuard<'_, Watcher> {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What kind of server to start; see [`Postgres::builder`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    durable: bool,
    tcp: bool,
    settings: Vec<(String, String)>,
    primary: Option<String>,
    account: Option<Account>,
}

impl Builder {
    /// Preserves committed data in a crash, with the defaults of PostgreSQL. Without this, nothing
    /// waits for the disk.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Listens on a free port of 127.0.0.1 too.
    ///
    /// There is no password, so every account of this machine can connect while it runs.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Adds a line to `postgresql.conf`. It overrides the settings of the builder.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts a standby of another server: a copy that `pg_basebackup` makes and that follows the other server
    /// until `SELECT pg_promote()`. The other server needs `wal_level = replica` and `max_wal_senders`.
    #[must_use]
    pub fn standby_of(mut self, primary: &Postgres) -> Self {
        self.primary = Some(primary.address.to_string());
        self
    }

    /// Starts the server and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// If no PostgreSQL can be found or fetched, or it does not start.
    pub fn start(self) -> Result<Postgres, StartError> {
        let installation = Installation::find()?;
        let account = match &self.account {
            Some(account) => account.clone(),
            None => Account::find()?,
        };
        let mut watcher = Watcher::spawn(
            &installation.bindir,
            &account,
            self.durable,
            self.primary.as_deref(),
        )?;
        watcher.ask("initdb")?;
        let port = self.start_on_a_free_port(&mut watcher)?;
        Ok(Postgres {
            address: socket_url(watcher.folder(), port)?,
            folder: watcher.folder().to_owned(),
            watcher: Mutex::new(watcher),
            version: installation.version,
            port,
            tcp: self.tcp,
        })
    }

    /// Race: another process can take the port between `free_port` and the start of the server, so
    /// a start that fails is repeated on another port.
    fn start_on_a_free_port(&self, watcher: &mut Watcher) -> Result<u16, StartError> {
        let attempts = if self.tcp { 5 } else { 1 };
        let mut attempt = 1;
        loop {
            let port = if self.tcp { free_port()? } else { 5432 };
            self.configure(watcher.folder(), port)?;
            match watcher.ask("start") {
                Err(_) if attempt < attempts => attempt += 1,
                started => return started.map(|_| port),
            }
        }
    }

    /// Appends to `postgresql.conf`, in which the last line of a setting wins.
    fn configure(&self, folder: &Path, port: u16) -> Result<(), StartError> {
        let place = [
            ("port", port.to_string()),
            ("unix_socket_directories", folder.display().to_string()),
            (
                "listen_addresses",
                if self.tcp { "127.0.0.1" } else { "" }.to_owned(),
            ),
        ];
        let kind = if self.durable { &[][..] } else { &FAST[..] };
        let fixed = ALWAYS.iter().chain(kind);
        let lines: String = place
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain(fixed.copied())
            .chain(self.settings.iter().map(|(n, v)| (n.as_str(), v.as_str())))
            .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
            .collect();
        OpenOptions::new()
            .append(true)
            .open(folder.join("data").join("postgresql.conf"))?
            .write_all(lines.as_bytes())?;
        Ok(())
    }
}

fn free_port() -> Result<u16, StartError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt, net::UnixStream};

    use super::*;

    fn reachable(postgres: &Postgres) -> bool {
        let socket = format!(".s.PGSQL.{}", postgres.port);
        UnixStream::connect(postgres.folder().join(socket)).is_ok()
    }

    #[test]
    fn drop_stops_the_server_and_removes_its_folder() {
        let postgres = Postgres::start().unwrap();
        let folder = postgres.folder().to_owned();
        assert!(postgres.version() >= 15);
        assert!(reachable(&postgres));
        postgres.stop();
        assert!(!folder.exists());
    }

    #[test]
    fn restart_recovers_after_a_kill() {
        let postgres = Postgres::builder().durable().tcp().start().unwrap();
        let address = postgres.tcp_address().unwrap();
        std::net::TcpStream::connect(address).unwrap();
        postgres.kill9().unwrap();
        assert!(!reachable(&postgres));
        postgres.restart().unwrap();
        assert!(reachable(&postgres));
        postgres.restart().unwrap();
        std::net::TcpStream::connect(address).unwrap();
        postgres.kill9().unwrap();
        postgres.stop();
    }

    #[test]
    fn start_error_contains_the_log_about_a_bad_setting() {
        let error = Postgres::builder()
            .setting("work_mem", "it's a lot")
            .start()
            .unwrap_err();
        assert!(error.to_string().contains("work_mem"), "{error}");
    }

    /// For root in containers that forbid user namespaces.
    #[test]
    fn root_runs_the_server_as_another_account() {
        if Account::find().unwrap() == Account::Ourselves {
            return;
        }
        let account = Account::other().unwrap();
        let builder = Builder {
            account: Some(account.clone()),
            ..Builder::default()
        };
        let postgres = builder.start().unwrap();
        let owner = postgres.folder().metadata().unwrap().uid();
        assert!(matches!(account, Account::Other { user, .. } if user == owner));
        assert!(reachable(&postgres));
        let folder = postgres.folder().to_owned();
        drop(postgres);
        assert!(!folder.exists());
    }
}
