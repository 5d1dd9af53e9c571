//! The PostgreSQL server of a test binary, and the databases on it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    panic::Location,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, QueryResult, Statement};
use throwaway_postgres::Server;
use tokio::{
    runtime::Runtime,
    sync::OnceCell,
    time::{sleep, timeout},
};

use crate::{Database, database::Role};

/// How long a test waits for something that should happen at once, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The prefix of the names of all test databases and roles.
const PREFIX: &str = "archive_test_";

/// The source line that requests a template, and the name of the template there.
pub(crate) type TemplateKey = (&'static Location<'static>, String);

/// The name of the database to copy, and its roles.
type Template = (String, HashMap<String, Role>);

/// A server, and a connection to it that outlives every test.
pub(crate) struct Cluster {
    server: Server,
    /// Every `#[tokio::test]` has its own runtime, which ends with the test. Tasks that tests share run on this one.
    runtime: Runtime,
    admin: DatabaseConnection,
    /// The prefix of the databases and roles of this process.
    prefix: String,
    next: AtomicU32,
    templates: Mutex<HashMap<TemplateKey, Arc<OnceCell<Template>>>>,
}

/// A failure is stored too: without PostgreSQL every test reports the error of the first one,
/// without searching for an installation again.
static CLUSTER: OnceCell<Result<Cluster, String>> = OnceCell::const_new();

/// The server of this process. The first caller starts it.
pub(crate) async fn cluster() -> &'static Cluster {
    let started = CLUSTER
        .get_or_init(|| async {
            let started = thread::spawn(|| Cluster::start().map_err(|error| error.to_string()));
            while !started.is_finished() {
                sleep(Duration::from_millis(5)).await;
            }
            started
                .join()
                .unwrap_or_else(|_| Err("starting the server panicked".to_owned()))
        })
        .await;
    match started {
        Ok(cluster) => cluster,
        Err(error) => panic!("{error}"),
    }
}

/// A pool of up to eight connections, for the runtime of the caller. Use it for a server that the
/// test started itself; for the shared server, [`Database::connect`](crate::Database::connect) is
/// shorter.
pub async fn connect(url: &str) -> DatabaseConnection {
    connect_with(url, |options| options.max_connections(8))
        .await
        .unwrap_or_else(|error| panic!("no connection to {url}: {error}"))
}

pub(crate) async fn connect_with(
    url: &str,
    set: impl FnOnce(&mut ConnectOptions) -> &mut ConnectOptions,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .min_connections(0)
        .acquire_timeout(PATIENCE)
        // Tests are too short for a connection to become stale.
        .test_before_acquire(false);
    set(&mut options);
    sea_orm::Database::connect(options).await
}

impl Cluster {
    /// Call it in a thread of its own: starting a server and a runtime both block.
    fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let server = Server::from_env_or_start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let prefix = format!("{PREFIX}{:08x}_", random() as u32);
        let name = prefix.clone();
        let admin = runtime.block_on(connect_with(&server.admin_url(), |options| {
            // While a session with this name exists, other processes do not remove our databases as leftovers.
            options
                .set_application_name(name)
                .min_connections(1)
                .max_connections(4)
                .idle_timeout(None)
                .max_lifetime(None)
        }))?;
        let cluster = Self {
            server,
            runtime,
            admin,
            prefix,
            next: AtomicU32::new(0),
            templates: Mutex::default(),
        };
        if cluster.server.throwaway().is_none() {
            cluster
                .runtime
                .block_on(remove_leftovers(&cluster.admin, None));
            shutdown_hooks::add_shutdown_hook(remove_ours);
        }
        Ok(cluster)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    pub(crate) fn url_as(&self, database: &str, role: &str, password: &str) -> String {
        self.server.url_as(database, role, password)
    }

    /// Runs statements outside the databases of the tests.
    pub(crate) async fn execute(&self, sql: String) {
        let admin = self.admin.clone();
        let work = async move {
            let done = admin.execute_unprepared(&sql).await;
            done.unwrap_or_else(|error| panic!("{sql}: {error}"));
        };
        self.wait(work).await;
    }

    /// The first row of a query that runs outside the databases of the tests.
    pub(crate) async fn query(&self, statement: Statement) -> Option<QueryResult> {
        let admin = self.admin.clone();
        let work = async move {
            let row = admin.query_one_raw(statement).await;
            row.unwrap_or_else(|error| panic!("{error}"))
        };
        self.wait(work).await
    }

    /// Runs on the runtime that the admin connection belongs to.
    async fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        match self.runtime.spawn(work).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Creates a database: a copy of `template`, or an empty one.
    pub(crate) async fn create_database(&self, template: Option<&str>) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{number}", self.prefix);
        let template = template.unwrap_or("template1");
        // Copying files also copies the relation cache file, so that the first session starts faster. On a server
        // that syncs to disk, the checkpoints of `file_copy` cost more than that saves.
        let strategy = match self.server.throwaway() {
            Some(_) => "file_copy",
            None => "wal_log",
        };
        self.execute(format!(
            "create database \"{name}\" template \"{template}\" strategy {strategy}"
        ))
        .await;
        name
    }

    /// Removes a database and the roles of its test, in the background.
    pub(crate) fn drop_database(&self, name: &str, roles: Vec<String>) {
        let admin = self.admin.clone();
        let database = name.to_owned();
        self.runtime.spawn(async move {
            remove(&admin, &[database], &roles).await;
        });
    }

    /// The database to copy for a key. The first caller makes it. If that caller fails or its test
    /// ends before, the next caller starts over.
    pub(crate) async fn template(
        &self,
        key: TemplateKey,
        make: impl AsyncFnOnce() -> Database,
    ) -> Template {
        let template = {
            let mut templates = self
                .templates
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(templates.entry(key.clone()).or_default())
        };
        template
            .get_or_init(|| async { self.make_template(&key.1, make).await })
            .await
            .clone()
    }

    async fn make_template(&self, key: &str, make: impl AsyncFnOnce() -> Database) -> Template {
        let (name, roles) = make().await.into_template();
        // Before it copies a database, PostgreSQL checks ten times a second whether the last session has
        // ended. Checking more often here is faster. New connections are refused meanwhile.
        self.execute(format!(
            "alter database \"{name}\" with allow_connections false"
        ))
        .await;
        let sessions = Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            "select 1 as session from pg_stat_activity where datname = $1",
            [name.clone().into()],
        );
        let closed = async {
            while self.query(sessions.clone()).await.is_some() {
                sleep(Duration::from_millis(2)).await;
            }
        };
        if timeout(PATIENCE, closed).await.is_err() {
            panic!("the template {key} is still in use: close every connection in its closure");
        }
        (name, roles)
    }

    /// Creates a role that can log in, and returns its password.
    pub(crate) async fn create_role(&self, name: &str) -> String {
        let password = format!("{:016x}", random());
        self.execute(format!(
            "create role \"{name}\" login password '{password}'"
        ))
        .await;
        password
    }
}

/// Random enough to distinguish processes, and for the passwords of roles that live for one test.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Removes databases and roles. The test has ended by then, so a failure is only printed.
async fn remove(admin: &DatabaseConnection, databases: &[String], roles: &[String]) {
    let databases = databases
        .iter()
        .map(|name| format!("drop database if exists \"{name}\" with (force)"));
    let roles = roles
        .iter()
        .map(|name| format!("drop role if exists \"{name}\""));
    for statement in databases.chain(roles) {
        if let Err(error) = admin.execute_unprepared(&statement).await {
            eprintln!("{statement}: {error}");
        }
    }
}

/// Removes the databases and roles that test processes left on a permanent server: those with
/// `prefix`, or those of every process that no longer has a session.
async fn remove_leftovers(admin: &DatabaseConnection, prefix: Option<&str>) {
    let condition = match prefix {
        Some(prefix) => format!("starts_with(name, '{prefix}')"),
        None => format!(
            "name ~ '^{PREFIX}[0-9a-f]{{8}}_' and not exists (
                select from pg_stat_activity
                where application_name = substring(name for {}))",
            PREFIX.len() + 9
        ),
    };
    let mut names = Vec::new();
    for catalog in [
        "select datname::text as name from pg_database",
        "select rolname::text as name from pg_roles",
    ] {
        let sql = format!("select name from ({catalog}) as ours where {condition}");
        let statement = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        let rows = admin.query_all_raw(statement).await.unwrap_or_default();
        names.push(
            rows.iter()
                .filter_map(|row| row.try_get("", "name").ok())
                .collect::<Vec<String>>(),
        );
    }
    remove(admin, &names[0], &names[1]).await;
}

/// Runs when the process exits. The thread-local variables of the main thread are destroyed by then,
/// so another thread does the work and this function waits for it.
extern "C" fn remove_ours() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let Some(Ok(cluster)) = CLUSTER.get() else {
        return;
    };
    cluster.runtime.spawn(async {
        remove_leftovers(&cluster.admin, Some(&cluster.prefix)).await;
        DONE.store(true, Ordering::Release);
    });
    let start = Instant::now();
    while !DONE.load(Ordering::Acquire) && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(2));
    }
}
