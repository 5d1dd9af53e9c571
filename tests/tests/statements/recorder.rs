//! A server that logs every statement, and the entries of its log for one database.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use throwaway_postgres::Postgres;

/// The prefix of each entry of the log; the rest of the line is the database.
const PREFIX: &str = "@@";
const SECTION: &str = "select 'section ";

/// A database on the server that logs, and one connection to it.
pub struct Recorder {
    database: String,
    db: DatabaseConnection,
}

fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| {
        Postgres::builder()
            .setting("log_statement", "all")
            .setting("log_parameter_max_length", "-1")
            .setting("log_line_prefix", format!("{PREFIX}%d "))
            .start()
            .unwrap()
    })
}

async fn connect(database: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(server().url(database));
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

impl Recorder {
    pub async fn open(name: &str) -> Self {
        let admin = connect("postgres").await;
        let create = format!("create database {name}");
        admin.execute_unprepared(&create).await.unwrap();
        Self {
            database: name.to_owned(),
            db: connect(name).await,
        }
    }

    pub fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    pub async fn run(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }

    /// Texts of the first column.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        sea_orm_archive_tests::sql::texts(&self.db, sql).await
    }

    /// Statements sent from now on belong to this section of the snapshot; to none if the name is empty.
    pub async fn section(&self, name: &str) {
        self.run(&format!("{SECTION}{name}'")).await;
    }

    /// The statements of all sections, with the same text in every run.
    pub async fn sent(&self) -> String {
        let names = self.names().await;
        let log = std::fs::read_to_string(server().folder().join("log")).unwrap();
        let own = format!("{} ", self.database);
        let mut section = String::new();
        let mut sent: Vec<String> = Vec::new();
        let mut last = 0;
        let separator = format!("\n{PREFIX}");
        let entries = log.split(&separator);
        for entry in entries.filter_map(|entry| entry.strip_prefix(&own)) {
            // A failed call is retried. Whether it fails depends on the cached plans of other tests, so its statements
            // are removed.
            match entry.split(':').next() {
                Some("ERROR") => sent.truncate(last),
                Some("LOG") => last = sent.len(),
                _ => {}
            }
            for statement in statements(&entry.replace("\n\t", "\n")) {
                if let Some(name) = statement.strip_prefix(SECTION) {
                    section = name.trim_end_matches('\'').to_owned();
                    if !section.is_empty() {
                        sent.push(format!("-- # {section}"));
                    }
                } else if !section.is_empty() {
                    let statement = stable(&statement, &names);
                    if sent.last() != Some(&statement) {
                        sent.push(statement);
                    }
                }
            }
        }
        sent.join("\n\n") + "\n"
    }

    /// The names of the relations, by oid.
    async fn names(&self) -> BTreeMap<String, String> {
        let sql = "select oid || ' ' || oid::regclass from pg_class where oid >= 16384";
        let pairs = self.texts(sql).await;
        let pairs = pairs.iter().filter_map(|pair| pair.split_once(' '));
        pairs
            .map(|(oid, name)| (oid.to_owned(), name.to_owned()))
            .collect()
    }
}

/// The statements of an entry: the one that the client sent, or those that `archive.run` was given.
fn statements(entry: &str) -> Vec<String> {
    // PostgreSQL 16 and newer begin a detail with a capital.
    let parameters = ["DETAIL:  parameters: ", "DETAIL:  Parameters: "];
    if let Some(parameters) = parameters
        .iter()
        .find_map(|prefix| entry.strip_prefix(prefix))
    {
        let prepared = parameters.split("'{\"").nth(1);
        return prepared.map(steps).unwrap_or_default();
    }
    let Some(message) = entry.strip_prefix("LOG:  ") else {
        return Vec::new();
    };
    let sql = match message.split_once(": ") {
        Some(("statement", sql)) => sql,
        Some((execute, sql)) if execute.starts_with("execute ") => sql,
        _ => return Vec::new(),
    };
    match sql.strip_prefix("--") {
        // Only the comment of a long statement on the catalog is recorded.
        Some(_) => vec![
            sql.lines()
                .take_while(|l| l.starts_with("--"))
                .collect::<Vec<_>>()
                .join("\n"),
        ],
        None => vec![sql.trim().to_owned()],
    }
}

/// The elements of an array as PostgreSQL writes it, after `{"`.
fn steps(array: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut characters = array
        .replace("''", "'")
        .chars()
        .collect::<Vec<_>>()
        .into_iter();
    while let Some(character) = characters.next() {
        let step = steps.last_mut().unwrap();
        match character {
            '\\' => step.extend(characters.next()),
            '"' => match characters.next() {
                Some(',') => {
                    characters.next();
                    steps.push(String::new());
                }
                _ => break,
            },
            other => step.push(other),
        }
    }
    steps.retain(|step| step.starts_with("PREPARE "));
    steps
}

/// The statement without what differs from run to run: numbers of relations, fingerprints, names that depend on them.
fn stable(statement: &str, names: &BTreeMap<String, String>) -> String {
    let mut stable = String::new();
    let mut rest = statement;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (word, after) = from.split_at(end.unwrap_or(from.len()));
        stable.push_str(before);
        let is_number = word.bytes().all(|b| b.is_ascii_digit());
        if let Some(name) = names.get(word) {
            stable.push_str(&format!("<{name}>"));
        } else if is_number && word.len() >= 15 {
            if stable.ends_with('-') {
                stable.pop();
            }
            stable.push_str("<fingerprint>");
        } else if word.len() == 24 && word.starts_with("archive_") {
            stable.push_str("archive_<digest>");
        } else {
            stable.push_str(word);
        }
        rest = after;
    }
    stable + rest
}
