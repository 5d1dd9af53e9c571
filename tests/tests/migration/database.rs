//! A database with the archive installed, and queries for tests.

use sea_orm::{DatabaseConnection, DbErr, TryGetable};
use sea_orm_archive_tests::{Database, sql, tables::installed};
use sea_orm_migration::SchemaManager;

/// A database for one test, and a connection to it.
pub struct Migrated {
    pub database: Database,
    pub db: DatabaseConnection,
}

impl Migrated {
    /// A database with the archive, without tables.
    pub async fn new() -> Self {
        let database = installed().await;
        let db = database.connect().await;
        Self { database, db }
    }

    /// An empty database.
    pub async fn empty() -> Self {
        let database = Database::empty().await;
        let db = database.connect().await;
        Self { database, db }
    }

    /// A database with the archive and the objects that these statements create.
    pub async fn with(sql: &str) -> Self {
        let migrated = Self::new().await;
        migrated.run(sql).await;
        migrated
    }

    pub fn manager(&self) -> SchemaManager<'_> {
        SchemaManager::new(&self.db)
    }

    pub async fn run(&self, sql: &str) {
        sql::run(&self.db, sql).await;
    }

    /// The first column of every row.
    pub async fn all<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        sql::all(&self.db, sql).await
    }

    /// The first column of the one row.
    pub async fn one<T: TryGetable>(&self, sql: &str) -> T {
        sql::one(&self.db, sql).await
    }

    /// The columns of a table, described as in psql.
    pub async fn columns(&self, table: &str) -> Vec<String> {
        self.all(&format!(
            "select concat_ws(' ', attname, format_type(atttypid, atttypmod),
                    case when attcollation not in (0, 100) then attcollation::regcollation::text end,
                    case when attnotnull then 'not null' end,
                    case when attidentity <> '' then 'identity' end,
                    case when attgenerated <> '' then 'generated' when atthasdef then 'default' end)
             from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped
             order by attnum"
        ))
        .await
    }

    /// The columns of each index of a table, the primary key first.
    pub async fn indexes(&self, table: &str) -> Vec<String> {
        self.all(&format!(
            "select concat(case when indisprimary then 'key ' when indisunique then 'unique ' end, (
                 select string_agg(pg_get_indexdef(indexrelid, position, true), ', ' order by position)
                 from generate_series(1, indnkeyatts) as position))
             from pg_index where indrelid = '{table}'::regclass
             order by not indisprimary, 1"
        ))
        .await
    }

    /// Whether there is a table of this name.
    pub async fn exists(&self, table: &str) -> bool {
        self.one(&format!("select to_regclass('{table}') is not null"))
            .await
    }
}

/// The text of the error; panics if there is none.
pub fn refused<T>(result: Result<T, DbErr>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    }
}

/// Checks that an error contains all of these texts.
#[track_caller]
pub fn assert_mentions(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{error:?} does not contain {part:?}");
    }
}
