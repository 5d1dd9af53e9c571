//! Departments, their history, and an audit that refers to the version valid at a time.

use sea_orm::ConnectionTrait;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_archive_tests::Database;
use sea_orm_migration::{SchemaManager, schema::string_len};

use crate::migration::database::Migrated;

pub use sea_orm_archive_tests::sql::{Refusal, refusal};

pub const FOREIGN_KEY: &str = "user_audit_department_id_changed_at_fkey";

/// The history of the departments, as in the examples.
pub fn department_history() -> HistoryTable {
    HistoryTable::new("department_history")
        .identity("department_id", "departments")
        .column(string_len("name", 100))
}

/// The temporal foreign key from the audit to the history.
pub fn audit() -> TemporalForeignKey {
    TemporalForeignKey::new("user_audit", ["department_id"])
        .at("changed_at")
        .references("department_history")
}

/// Departments 1 and 2: Engineering until March 2024, Engineering & AI since; Sales all the time.
/// Two audit rows: one under each name of Engineering.
pub async fn company() -> Migrated {
    let database = Database::from_template("company", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        db.execute_unprepared(
            "create table departments (id serial primary key, city text);
             create table user_audit (audit_id int primary key, department_id int, changed_at timestamptz);
             insert into departments values (1), (2), (3)",
        )
        .await?;
        manager.create_history_table(department_history()).await?;
        db.execute_unprepared(
            "insert into department_history (id, department_id, name, valid_from, valid_to) values
                 (1, 1, 'Engineering', '2024-01-01Z', '2024-03-01Z'),
                 (2, 1, 'Engineering & AI', '2024-03-01Z', null),
                 (3, 2, 'Sales', '2024-01-01Z', null);
             insert into user_audit values (1, 1, '2024-02-01Z'), (2, 1, '2024-04-01Z')",
        )
        .await?;
        manager.create_temporal_foreign_key(audit()).await
    })
    .await;
    let db = database.connect().await;
    Migrated { database, db }
}

impl Migrated {
    /// Runs a statement that the database must refuse.
    pub async fn refused(&self, sql: &str) -> Refusal {
        sea_orm_archive_tests::sql::refused(&self.db, sql).await
    }

    /// Runs a statement that a temporal foreign key must refuse, and returns the message.
    pub async fn violates(&self, sql: &str) -> String {
        let refusal = self.refused(sql).await;
        assert_eq!(refusal.code, "23503", "{}", refusal.message);
        assert!(
            refusal.message.contains("temporal foreign key"),
            "{}",
            refusal.message
        );
        refusal.message
    }
}
