//! The output of the example programs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sea_orm::sea_query::Value;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::Error;

/// Prints the steps of a program, and its SQL statements if `--sql` is given.
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

    /// Prints the statements of a connection, from `print_sql_from_here` on.
    pub(crate) fn print_statements(&self, db: &mut DatabaseConnection) {
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

    /// Prints the title of the next chapter.
    pub fn chapter(&self, title: &str) {
        let number = self.chapter.fetch_add(1, Ordering::Relaxed) + 1;
        println!("\n{number}. {title}");
    }

    /// Prints a text, with each line indented.
    pub fn print(&self, text: &str) {
        for line in text.lines() {
            println!("{}", format!("   {line}").trim_end());
        }
    }

    /// Prints how many rows each table and its archive table have.
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

/// Returns an error if a statement of the program is not true.
pub fn ensure(is_true: bool, statement: &str) -> Result<(), Error> {
    if is_true {
        Ok(())
    } else {
        Err(format!("not true: {statement}").into())
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
        .ok_or("the count returned no row")?;
    Ok(row.try_get("", "n")?)
}

/// Prints a statement. For a call of `archive.run`, also prints the statements that it runs. For a long
/// catalog query, which begins with a comment, prints only the comment.
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
