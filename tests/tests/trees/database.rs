//! Databases with an archive for some tables.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

/// A database made by `sql`, with twins for `tables`.
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

/// Every row of every table of the schema `public`, as text, to compare.
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

/// The first column of a query, as text.
pub async fn column(db: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await
        .unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

pub async fn count(db: &impl ConnectionTrait, table: &str, condition: &str) -> i64 {
    let sql = format!("select count(*)::text from {table} where {condition}");
    column(db, &sql).await[0].parse().unwrap()
}

pub async fn run(db: &impl ConnectionTrait, sql: &str) {
    db.execute_unprepared(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}
