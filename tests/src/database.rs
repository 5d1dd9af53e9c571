//! A database that belongs to one test.

use std::{
    collections::HashMap,
    panic::Location,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, TransactionTrait};
use tokio::{sync::Mutex, time::sleep};

use crate::{
    Session,
    cluster::{Cluster, PATIENCE, cluster, connect, connect_with},
};

/// A database that belongs to one test. Dropping this value drops the database.
///
/// Connections belong to the runtime of the test that opened them. Do not share them, or this value,
/// between tests.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
    /// The roles of this test, by the name that the test uses.
    roles: Mutex<HashMap<String, Role>>,
}

/// A role on the server. All copies of a template use the roles of the template.
#[derive(Clone)]
pub(crate) struct Role {
    name: String,
    password: String,
    of_template: bool,
}

impl Database {
    /// A copy of the template `key` of the calling line. `fill` migrates the template once, for the first test of the
    /// binary that requests it, so always pass the same `fill` with one key.
    #[track_caller]
    pub fn from_template(
        key: &'static str,
        fill: impl AsyncFnOnce(DatabaseConnection) -> Result<(), DbErr>,
    ) -> impl Future<Output = Self> {
        Self::copy_of(key, async move || {
            let template = Self::empty().await;
            template.fill(fill).await;
            template
        })
    }

    /// Like [`Self::from_template`], for templates with roles: every copy uses the roles that `fill` requests from the
    /// template, with their ownership and grants. A test that alters a role must use a database that is not a copy.
    /// Privileges on the database itself are not copied.
    #[track_caller]
    pub fn from_template_with_roles(
        key: &'static str,
        fill: impl AsyncFnOnce(&Self),
    ) -> impl Future<Output = Self> {
        Self::copy_of(key, async move || {
            let template = Self::empty().await;
            fill(&template).await;
            template
        })
    }

    /// A copy of the database that `make` creates once for all calls of this line with this key.
    #[track_caller]
    pub fn copy_of(
        key: impl Into<String>,
        make: impl AsyncFnOnce() -> Self,
    ) -> impl Future<Output = Self> {
        // Templates of two folders may have the same name.
        let key = (Location::caller(), key.into());
        async move {
            let cluster = cluster().await;
            let (template, roles) = cluster.template(key, make).await;
            Self {
                cluster,
                name: cluster.create_database(Some(&template)).await,
                roles: Mutex::new(roles),
            }
        }
    }

    /// Changes the database in a pool of its own, which is closed then, as a template needs it.
    pub(crate) async fn fill(
        &self,
        fill: impl AsyncFnOnce(DatabaseConnection) -> Result<(), DbErr>,
    ) {
        let db = self.connect().await;
        if let Err(error) = fill(db.clone()).await {
            panic!("a template cannot be filled: {error}");
        }
        let closed = db.close().await;
        closed.unwrap_or_else(|error| panic!("a template cannot be closed: {error}"));
    }

    /// An empty database.
    pub async fn empty() -> Self {
        let cluster = cluster().await;
        Self {
            cluster,
            name: cluster.create_database(None).await,
            roles: Mutex::default(),
        }
    }

    /// Turns the database into a template, which exists as long as the server.
    pub(crate) fn into_template(mut self) -> (String, HashMap<String, Role>) {
        let mut roles = std::mem::take(self.roles.get_mut());
        for role in roles.values_mut() {
            role.of_template = true;
        }
        let name = self.name.clone();
        std::mem::forget(self);
        (name, roles)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its connection URL, for programs that a test runs.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// A pool of up to eight connections.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url()).await
    }

    /// The server-wide name of the ordinary role that this test calls `role`. Roles belong to the
    /// whole server, so `reader` is a different role in every test. The first call creates the role,
    /// which has only the privileges that the test grants.
    pub async fn role(&self, role: &str) -> String {
        self.login(role).await.0
    }

    /// A pool of up to eight connections of an ordinary role; see [`Self::role`].
    pub async fn connect_as(&self, role: &str) -> DatabaseConnection {
        connect(&self.url_as(role).await).await
    }

    /// The URL of an ordinary role; see [`Self::role`].
    pub async fn url_as(&self, role: &str) -> String {
        let (name, password) = self.login(role).await;
        self.cluster.url_as(&self.name, &name, &password)
    }

    async fn login(&self, role: &str) -> (String, String) {
        let mut roles = self.roles.lock().await;
        if !roles.contains_key(role) {
            let name = format!("{}_{role}", self.name);
            let password = self.cluster.create_role(&name).await;
            let of_template = false;
            roles.insert(
                role.to_owned(),
                Role {
                    name,
                    password,
                    of_template,
                },
            );
        }
        let role = &roles[role];
        (role.name.clone(), role.password.clone())
    }

    /// A session: one fixed connection, with a name for the messages.
    pub async fn session(&self, name: &str) -> Session {
        Session::open(name, &self.url()).await
    }

    /// A session of an ordinary role; see [`Self::role`].
    pub async fn session_as(&self, name: &str, role: &str) -> Session {
        let (role, password) = self.login(role).await;
        let url = self.cluster.url_as(&self.name, &role, &password);
        Session::open(name, &url).await
    }

    /// Waits until a step of this session waits for a lock that another session holds.
    ///
    /// # Panics
    ///
    /// If the step ends or continues without waiting: the race that the test is about did not happen.
    pub async fn wait_until_blocked(&self, session: &Session) {
        if let Err(reason) = self.blockers(session).await {
            panic!("session {session} waits for no lock: {reason}");
        }
    }

    /// Waits until a step of `waiter` waits for a lock, and checks that `holder` blocks it.
    ///
    /// # Panics
    ///
    /// As for [`Self::wait_until_blocked`], and if `holder` does not block the step.
    pub async fn wait_until_blocked_by(&self, waiter: &Session, holder: &Session) {
        match self.blockers(waiter).await {
            Ok(blockers) if blockers.contains(&holder.pid()) => {}
            Ok(_) => panic!(
                "session {waiter} does not wait for {holder}: {}",
                self.waits().await
            ),
            Err(reason) => panic!("session {waiter} does not wait for {holder}: {reason}"),
        }
    }

    /// The process ids that a step of `session` waits for, or the reason why it waits for none.
    async fn blockers(&self, session: &Session) -> Result<Vec<i32>, String> {
        let start = Instant::now();
        loop {
            // Race: the step may end between the two reads. In this order, the next round detects that it has ended.
            let running = session.is_running();
            let activity = self.activity(session).await;
            if activity.waits_for_lock && !activity.blockers.is_empty() {
                return Ok(activity.blockers);
            }
            if !running {
                return Err("no step of it is running".to_owned());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?} it is {}", activity.description));
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Runs `first` in an open transaction, starts `second` in another session, and commits the first when the second waits or has ended.
    /// Returns what the second returned.
    pub async fn beside(&self, first: &str, second: &str) -> Result<(), DbErr> {
        let (a, b) = (self.connect().await, self.connect().await);
        let txn = a.begin().await?;
        txn.execute_unprepared(first).await?;
        let second = second.to_owned();
        let other = tokio::spawn(async move { b.execute_unprepared(&second).await.map(|_| ()) });
        self.until_waiting(&other).await;
        txn.commit().await?;
        match other.await {
            Ok(ended) => ended,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Waits until a session of this database waits for a lock, or the task has ended. Fails after ten seconds.
    pub async fn until_waiting<T>(&self, task: &tokio::task::JoinHandle<T>) {
        let start = Instant::now();
        while !task.is_finished() && !self.has_waiting().await {
            assert!(
                start.elapsed() < PATIENCE,
                "the task neither waits nor ends"
            );
            sleep(Duration::from_millis(2)).await;
        }
    }

    async fn has_waiting(&self) -> bool {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "select true as waiting from pg_stat_activity where datname = $1 and wait_event_type = 'Lock' limit 1",
            [self.name.as_str().into()],
        );
        self.cluster.query(statement).await.is_some()
    }

    /// For messages: which sessions of this database wait for which.
    pub(crate) async fn waits(&self) -> String {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "select coalesce(string_agg(format('%s (%s) waits for %s', w.application_name, w.pid, (
                        select string_agg(format('%s (%s)', b.application_name, b.pid), ', ')
                        from pg_stat_activity as b where b.pid = any (pg_blocking_pids(w.pid)))), '; '),
                    'no session waits for another') as waits
             from pg_stat_activity as w where w.datname = $1 and w.wait_event_type = 'Lock'",
            [self.name.as_str().into()],
        );
        match self.cluster.query(statement).await {
            Some(row) => row.try_get("", "waits").unwrap_or_default(),
            None => String::new(),
        }
    }

    async fn activity(&self, session: &Session) -> Activity {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "select coalesce(wait_event_type = 'Lock', false) as waits_for_lock,
                    pg_blocking_pids(pid) as blockers,
                    concat_ws(' ', state, wait_event_type, wait_event, query) as description
             from pg_stat_activity where pid = $1",
            [session.pid().into()],
        );
        let read = |row: sea_orm::QueryResult| {
            Ok::<_, DbErr>(Activity {
                waits_for_lock: row.try_get("", "waits_for_lock")?,
                blockers: row.try_get("", "blockers")?,
                description: row.try_get("", "description")?,
            })
        };
        match self.cluster.query(statement).await.map(read) {
            Some(Ok(activity)) => activity,
            Some(Err(error)) => panic!("{error}"),
            None => panic!("session {session} has been closed"),
        }
    }
}

/// What a session is doing now.
struct Activity {
    waits_for_lock: bool,
    blockers: Vec<i32>,
    description: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        let roles = std::mem::take(self.roles.get_mut());
        let own = roles.into_values().filter(|role| !role.of_template);
        let roles = own.map(|role| role.name).collect();
        self.cluster.drop_database(&self.name, roles);
    }
}

impl Session {
    async fn open(name: &str, url: &str) -> Self {
        let db = connect_with(url, |options| {
            options
                // `waits` reports sessions by this name.
                .set_application_name(name.to_owned())
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
        })
        .await
        .unwrap_or_else(|error| panic!("no connection for session {name}: {error}"));
        Self::on(name, db).await
    }
}
