//! How the story looks on a terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sea_orm::sea_query::Value;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::Error;

/// Prints the story, and the SQL with it where that was asked for.
pub struct Narrator {
    wants_sql: bool,
    prints_sql: Arc<AtomicBool>,
    chapter: AtomicU32,
}

impl Narrator {
    pub(crate) fn new(sql: bool) -> Self {
        Self {
            wants_sql: sql,
            prints_sql: Arc::default(),
            chapter: AtomicU32::new(0),
        }
    }

    pub(crate) fn listen(&self, db: &mut DatabaseConnection) {
        if self.wants_sql {
            let prints_sql = Arc::clone(&self.prints_sql);
            db.set_metric_callback(move |info| {
                if prints_sql.load(Ordering::Relaxed) {
                    print_sql(info.statement);
                }
            });
        }
    }

    /// Prints the statements from here on, where the reader asked for SQL. The migrations come before it: most of what they
    /// send reads the catalog.
    pub fn print_sql_from_here(&self) {
        self.prints_sql.store(true, Ordering::Relaxed);
    }

    /// Begins a chapter.
    pub fn chapter(&self, title: &str) {
        let number = self.chapter.fetch_add(1, Ordering::Relaxed) + 1;
        println!("\n{number}. {title}");
    }

    /// Tells something, line by line.
    pub fn say(&self, text: &str) {
        for line in text.lines() {
            println!("{}", format!("   {line}").trim_end());
        }
    }

    /// Shows how many rows each table and its archive table hold.
    pub async fn show(&self, db: &DatabaseConnection, tables: &[&str]) -> Result<(), Error> {
        println!();
        println!("   {:<12} {:>8} {:>10}", "", "active", "archived");
        for table in tables {
            let (active, archived) = (
                count(db, table).await?,
                count(db, &format!("deleted_{table}")).await?,
            );
            println!("   {table:<12} {active:>8} {archived:>10}");
        }
        println!();
        Ok(())
    }
}

/// A fact that the story tells must be one.
pub fn ensure(fact: bool, what: &str) -> Result<(), Error> {
    if fact {
        Ok(())
    } else {
        Err(format!("it is not true that {what}").into())
    }
}

async fn count(db: &DatabaseConnection, table: &str) -> Result<i64, Error> {
    let query = Statement::from_string(
        DbBackend::Postgres,
        format!(r#"SELECT count(*) AS n FROM "{table}""#),
    );
    let row = db
        .query_one_raw(query)
        .await?
        .ok_or("a count without a row")?;
    Ok(row.try_get("", "n")?)
}

/// A call of `archive.run` carries the statements that it runs: they are what a reader wants to see.
/// A statement that begins with a comment is a long one about the catalog, and the comment tells it.
fn print_sql(statement: &Statement) {
    let print = |sql: &str| println!("      | {}", sql.replace('\n', "\n      | "));
    if statement.sql.starts_with("SELECT archive.run(") {
        print(&statement.sql);
        let values = statement.values.iter().flat_map(|values| &values.0);
        for (number, step) in values.filter_map(texts).flatten().enumerate() {
            println!("      | -- step {}", number + 1);
            print(&step);
        }
    } else if statement.sql.starts_with("--") {
        statement
            .sql
            .lines()
            .take_while(|line| line.starts_with("--"))
            .for_each(print);
    } else {
        print(&statement.to_string());
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let Value::Array(_, Some(values)) = value else {
        return None;
    };
    values
        .iter()
        .map(|value| match value {
            Value::String(Some(text)) => Some(text.to_string()),
            _ => None,
        })
        .collect()
}
