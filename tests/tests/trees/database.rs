//! Databases with archive tables for some tables.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

pub use sea_orm_archive_tests::sql::{run, texts as column};

/// A database created by `sql`, with archive tables for `tables`.
pub async fn database(
    key: &'static str,
    sql: &'static str,
    tables: &'static [&'static str],
) -> Database {
    Database::from_template(key, async |db| {
        db.execute_unprepared(sql).await?;
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        for table in tables {
            manager.archive_existing_table(*table).await?;
        }
        Ok(())
    })
    .await
}

/// Every row of every table outside the schema `archive`, as text to compare.
pub async fn contents(db: &DatabaseConnection) -> Vec<String> {
    let tables = "select format('%I.%I', schemaname, tablename) as name from pg_tables
                  where schemaname not in ('pg_catalog', 'information_schema', 'archive') order by 1";
    let mut all = Vec::new();
    for name in column(db, tables).await {
        all.extend(
            column(
                db,
                &format!(
                    "select '{}: ' || t::text from {name} as t order by 1",
                    name.replace('\'', "''")
                ),
            )
            .await,
        );
    }
    all
}

pub async fn count(db: &impl ConnectionTrait, table: &str, condition: &str) -> i64 {
    sea_orm_archive_tests::sql::count(db, &format!("{table} where {condition}")).await
}
