//! Departments, their history, and an audit that refers to the version valid at a time.

use sea_orm::{ConnectionTrait, DbErr, RuntimeErr, SqlxError, SqlxPostgresError};
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable, TemporalForeignKey};
use sea_orm_archive_tests::Database;
use sea_orm_migration::{SchemaManager, schema::string_len};

use crate::migration::database::Migrated;

pub const FOREIGN_KEY: &str = "user_audit_department_id_changed_at_fkey";

/// The history of the departments, as the examples have it.
pub fn department_history() -> HistoryTable {
    HistoryTable::new("department_history")
        .identity("department_id", "departments")
        .column(string_len("name", 100))
}

/// The audit needs the version of its department.
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

/// SQLSTATE, constraint, table and message of an error of the database.
pub struct Refusal {
    pub code: String,
    pub constraint: Option<String>,
    pub table: Option<String>,
    pub schema: Option<String>,
    pub message: String,
    pub detail: Option<String>,
}

/// Checks that the database refuses a statement, and returns what it says.
#[track_caller]
pub fn refusal<T>(result: Result<T, DbErr>) -> Refusal {
    let Err(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        result
    else {
        panic!("the database did not refuse it");
    };
    let SqlxError::Database(error) = error.as_ref() else {
        panic!("{error}");
    };
    let error = error.downcast_ref::<SqlxPostgresError>();
    Refusal {
        code: error.code().to_owned(),
        constraint: error.constraint().map(str::to_owned),
        table: error.table().map(str::to_owned),
        schema: error.schema().map(str::to_owned),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
    }
}

impl Migrated {
    /// Runs a statement that the database must refuse.
    pub async fn refused(&self, sql: &str) -> Refusal {
        let done = self.db.execute_unprepared(sql).await;
        assert!(done.is_err(), "it was not refused: {sql}");
        refusal(done)
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
