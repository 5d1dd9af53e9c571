//! Runs the command on a blog of its own.

use std::process::{Command, Output, Stdio};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_tests::Database;

const ROWS: &str = "
    insert into users (id, name, email) values (1, 'ada', 'ada@example.org'), (2, 'bob', null);
    insert into posts (id, title, slug, content, author_id) values (1, 'One', 'one', '', 1), (2, 'Two', 'two', '', 1), (3, 'Three', 'three', '', 2);
    insert into comments (id, post_id, author_id, content) values (1, 1, 2, 'first'), (2, 1, 1, 'second'), (3, 2, 2, 'third');
    select setval('posts_id_seq', 100), setval('comments_id_seq', 100);
";

/// A blog with an audit log: three posts and three comments.
pub struct Blog {
    pub database: Database,
    pub db: DatabaseConnection,
}

/// What the command printed, and its exit code.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Blog {
    pub async fn new() -> Self {
        let database = Database::from_template("blog of the command", async |db| {
            Migrator::up(&db, None).await?;
            db.execute_unprepared(ROWS).await.map(drop)
        })
        .await;
        let db = database.connect().await;
        Self { database, db }
    }

    pub fn url(&self) -> String {
        self.database.url()
    }

    /// Waits until a call of the task waits for a lock.
    pub async fn until_waiting<T>(&self, task: &tokio::task::JoinHandle<T>) {
        self.database.until_waiting(task).await;
    }

    /// Runs the command without a terminal.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(Some(&self.url()), arguments)
    }

    /// The JSON that a command prints; it has to succeed.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let ran = self.run(&all);
        assert_eq!(ran.code, 0, "{ran:?}");
        serde_json::from_str(&ran.out).unwrap()
    }
}

/// Runs the command with this database.
pub fn run(url: Option<&str>, arguments: &[&str]) -> Ran {
    let mut command = command();
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// The same on a thread of its own, beside other tasks of the test.
pub async fn run_beside(url: &str, arguments: &[&str]) -> Ran {
    let url = url.to_owned();
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect();
    let ran = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        run(Some(&url), &arguments)
    });
    ran.await.unwrap()
}

/// The command, without the environment of the tests.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sea-orm-archive"));
    for variable in [
        "DATABASE_URL",
        "SEA_ORM_ARCHIVE_ACTOR",
        "SEA_ORM_ARCHIVE_TENANT",
    ] {
        command.env_remove(variable);
    }
    command.current_dir(std::env::temp_dir());
    command
}
