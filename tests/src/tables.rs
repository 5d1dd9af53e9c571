//! Tables that a test creates with plain SQL, in a database with the archive installed.

use std::pin::Pin;

use sea_orm::DatabaseConnection;
use sea_orm_archive_migration::{ArchiveSchema, ExistingTable};
use sea_orm_migration::SchemaManager;

use crate::{Database, sql::run};

/// A database in which the archive is installed, and nothing else.
pub async fn installed() -> Database {
    Database::from_template("installed", async |db| {
        SchemaManager::new(&db).install_archive().await
    })
    .await
}

/// A database with these tables, and an archive table for some of them: a copy, since many tests have the same ones.
pub async fn tables(ddl: &str, archived: &[&str]) -> (Database, DatabaseConnection) {
    let key = format!("{archived:?} {ddl}");
    let make = async || {
        let template = installed().await;
        template
            .fill(async |db| {
                run(&db, ddl).await;
                for table in archived {
                    archive_table(&db, (*table).to_owned()).await;
                }
                Ok(())
            })
            .await;
        template
    };
    // A template of a template, as a type, is too deep for the compiler.
    let copy: Pin<Box<dyn Future<Output = Database> + Send + '_>> =
        Box::pin(Database::copy_of(key, make));
    let database = copy.await;
    let db = database.connect().await;
    (database, db)
}

/// Creates the archive table of a table.
pub async fn archive_table(db: &DatabaseConnection, table: impl Into<ExistingTable>) {
    let manager = SchemaManager::new(db);
    let done = manager.archive_existing_table(table).await;
    done.unwrap_or_else(|error| panic!("{error}"));
}
