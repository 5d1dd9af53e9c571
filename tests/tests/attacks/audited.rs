//! Tables that are archived and audited. `owner` migrates and owns everything, `web` is the application. Neither is a
//! superuser.

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema, AuditedTable};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use serde_json::Value as Json;

pub use sea_orm_archive_tests::sql::{json, run};

pub struct Audited {
    pub database: Database,
    pub owner: DatabaseConnection,
    pub web: DatabaseConnection,
}

impl Audited {
    /// A database with the log, and no audited table yet.
    pub async fn empty() -> Self {
        let database = Database::empty().await;
        let role = database.role("owner").await;
        run(
            &database.connect().await,
            &format!(
                "grant create on database \"{}\" to \"{role}\"; grant all on schema public to \"{role}\"",
                database.name()
            ),
        )
        .await;
        let owner = database.connect_as("owner").await;
        let manager = SchemaManager::new(&owner);
        manager.install_archive().await.unwrap();
        manager.install_audit().await.unwrap();
        let web = database.connect_as("web").await;
        Self {
            database,
            owner,
            web,
        }
    }

    /// The tables that `sql` creates, each archived and audited.
    pub async fn new(sql: &str, tables: Vec<AuditedTable>, names: &[&'static str]) -> Self {
        let audited = Self::empty().await;
        run(&audited.owner, sql).await;
        audited.audit(tables, names).await;
        audited
    }

    /// Archives the tables `names`, audits `tables`, and lets the application do everything with rows.
    pub async fn audit(&self, tables: Vec<AuditedTable>, names: &[&'static str]) {
        let manager = self.manager();
        for name in names {
            manager.archive_existing_table(*name).await.unwrap();
        }
        for table in tables {
            manager.audit_table(table).await.unwrap();
        }
        let web = self.database.role("web").await;
        manager.grant_archive(&web).await.unwrap();
        manager.grant_audit(&web).await.unwrap();
        run(
            &self.owner,
            &format!(
                "grant select, insert, update, delete, truncate on all tables in schema public to \"{web}\";
                 grant usage on all sequences in schema public to \"{web}\""
            ),
        )
        .await;
    }

    pub fn manager(&self) -> SchemaManager<'_> {
        SchemaManager::new(&self.owner)
    }

    /// The entries as the owner reads them, in their order.
    pub async fn entries(&self) -> Vec<Json> {
        json(
            &self.owner,
            "select jsonb_build_array(operation, table_name, key, old, new, redacted) from archive.audit_entry order by id",
        )
        .await
    }
}

/// SQL that sets `archive.moving` as a move of `table` does; as one that restores links, if `linked` is set.
pub fn pretend_to_move(table: &str, linked: bool) -> String {
    let linked = if linked {
        ", '~', 'deleted_TABLE'::regclass::oid, ',', '~', 'TABLE'::regclass::oid, ','"
    } else {
        ""
    };
    format!(
        "select set_config('archive.moving', concat(pg_current_xact_id(), ':,', 'TABLE'::regclass::oid, ',', 'deleted_TABLE'::regclass::oid, ','{linked}), true);"
    )
    .replace("TABLE", table)
}

/// Runs all of `sql` in one transaction, which is refused, and returns the error.
pub async fn refused(db: &impl ConnectionTrait, sql: &str) -> String {
    let attempt = db
        .execute_unprepared(&format!("begin; {sql}; commit"))
        .await;
    let error = attempt.expect_err(sql).to_string();
    run(db, "rollback").await;
    error
}
