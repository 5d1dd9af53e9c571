//! Tables that are made by hand, and what is in them.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

/// A database in which the archive is installed, and nothing else.
pub async fn installed() -> Database {
    Database::from_template("installed", async |db| {
        SchemaManager::new(&db).install_archive().await?;
        Ok::<_, DbErr>(())
    })
    .await
}

/// A database with these tables, and with a twin for some of them.
pub async fn tables(ddl: &str, archived: &[&str]) -> (Database, DatabaseConnection) {
    let database = installed().await;
    let db = database.connect().await;
    run(&db, ddl).await;
    for table in archived {
        twin(&db, (*table).to_owned()).await;
    }
    (database, db)
}

pub async fn twin(db: &DatabaseConnection, table: impl Into<ExistingTable>) {
    let manager = SchemaManager::new(db);
    manager.archive_existing_table(table).await.unwrap();
}

pub async fn run(db: &impl ConnectionTrait, sql: &str) {
    if let Err(error) = db.execute_unprepared(sql).await {
        panic!("{sql}: {error}");
    }
}

pub async fn count(db: &impl ConnectionTrait, from: &str) -> i64 {
    let sql = format!("select count(*) as n from {from}");
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await;
    row.unwrap().unwrap().try_get("", "n").unwrap()
}

/// Every row of a table as PostgreSQL writes it, down to the last byte.
pub async fn dump(db: &impl ConnectionTrait, table: &str) -> Vec<String> {
    let sql = format!(
        "select \"the row\"::text collate \"C\" as text from {table} as \"the row\" order by 1"
    );
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await;
    let rows = rows.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "text").unwrap())
        .collect()
}

/// The rows of several tables: for before and after.
pub async fn dumps(db: &impl ConnectionTrait, tables: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for table in tables {
        all.push(dump(db, table).await);
    }
    all
}
