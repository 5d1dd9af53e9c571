//! A database of a test's own.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sea_orm::{DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::{sync::Mutex, time::sleep};

use crate::{
    Session,
    cluster::{Cluster, PATIENCE, cluster, connect, connect_with},
};

/// A database that one test has for itself; it goes when this is dropped.
///
/// Connections belong to the runtime of the test that made them: they are not shared between
/// tests, and neither is this.
pub struct Database {
    cluster: &'static Cluster,
    name: String,
    /// The roles made for this test, by the name the test knows.
    roles: Mutex<HashMap<String, Role>>,
}

struct Role {
    name: String,
    password: String,
}

impl Database {
    /// A copy of the template `key`, which `fill` migrates for the first test that asks. Every
    /// other test of the binary gets a copy of what that one made, so one key always goes with
    /// one `fill`.
    pub async fn from_template(
        key: &'static str,
        fill: impl AsyncFnOnce(DatabaseConnection) -> Result<(), DbErr>,
    ) -> Self {
        let cluster = cluster().await;
        let template = cluster.template(key, fill).await;
        Self::create(cluster, Some(&template)).await
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        Self::create(cluster().await, None).await
    }

    async fn create(cluster: &'static Cluster, template: Option<&str>) -> Self {
        Self {
            cluster,
            name: cluster.create_database(template).await,
            roles: Mutex::default(),
        }
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, for programs that a test runs.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// A pool of up to eight connections.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url()).await
    }

    /// The name on the server of an ordinary role that this test calls `role`: roles belong to
    /// the whole server, so `reader` of two tests are two roles. It is made when it is first
    /// asked for, and may do what is granted to it.
    pub async fn role(&self, role: &str) -> String {
        self.login(role).await.0
    }

    /// A pool of up to eight connections of an ordinary role; see [`Self::role`].
    pub async fn connect_as(&self, role: &str) -> DatabaseConnection {
        let (name, password) = self.login(role).await;
        connect(&self.cluster.url_as(&self.name, &name, &password)).await
    }

    async fn login(&self, role: &str) -> (String, String) {
        let mut roles = self.roles.lock().await;
        if !roles.contains_key(role) {
            let name = format!("{}_{role}", self.name);
            let password = self.cluster.create_role(&name).await;
            roles.insert(role.to_owned(), Role { name, password });
        }
        let role = &roles[role];
        (role.name.clone(), role.password.clone())
    }

    /// A session: one connection, always the same, with a name for the messages.
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
    /// If it ends or goes on without waiting: the race that the test is about did not happen.
    pub async fn wait_until_blocked(&self, session: &Session) {
        self.blockers(session).await;
    }

    /// Waits until a step of `waiter` waits for a lock, and checks that it is `holder` it waits
    /// for.
    ///
    /// # Panics
    ///
    /// As for [`Self::wait_until_blocked`], and if somebody else holds the lock.
    pub async fn wait_until_blocked_by(&self, waiter: &Session, holder: &Session) {
        let blockers = self.blockers(waiter).await;
        assert!(
            blockers.contains(&holder.pid()),
            "session {waiter} waits, but not for {holder}: for {blockers:?}"
        );
    }

    async fn blockers(&self, session: &Session) -> Vec<i32> {
        let start = Instant::now();
        loop {
            // In this order: a step that ends between the two is seen as ended the next time.
            let running = session.is_running();
            let activity = self.activity(session).await;
            if activity.waits_for_lock && !activity.blockers.is_empty() {
                return activity.blockers;
            }
            assert!(
                running,
                "session {session} waits for no lock: no step of it is running"
            );
            assert!(
                start.elapsed() < PATIENCE,
                "session {session} waits for no lock after {PATIENCE:?}; it is {}",
                activity.description
            );
            sleep(Duration::from_millis(2)).await;
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
            None => panic!("session {session} is gone"),
        }
    }
}

/// What a session does at a moment.
struct Activity {
    waits_for_lock: bool,
    blockers: Vec<i32>,
    description: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        let roles = std::mem::take(self.roles.get_mut());
        let roles = roles.into_values().map(|role| role.name).collect();
        self.cluster.drop_database(&self.name, roles);
    }
}

impl Session {
    async fn open(name: &str, url: &str) -> Self {
        let db = connect_with(url, |options| {
            options
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
        })
        .await
        .unwrap_or_else(|error| panic!("no connection for session {name}: {error}"));
        Self::on(name, db).await
    }
}
