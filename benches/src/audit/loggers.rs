//! The loggers of changes, each in its own database.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sea_orm_archive_migration::{ArchiveSchema, AuditSchema};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;

use crate::Fallible;
use crate::databases::connect;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logger {
    None,
    Rival,
    Product,
    Native,
}

const COLUMNS: &str = "id, email, name, status, country, city, street, phone, notes, balance, credit, created_at, \
                       updated_at, active, version";

/// The same parts of the context as the product reads.
const CONTEXT: &str = "nullif(current_setting('app.current_user', true), ''), \
                       nullif(current_setting('app.current_org_id', true), ''), \
                       nullif(current_setting('app.request_id', true), ''), session_user::text";

impl Logger {
    pub const ALL: [Self; 4] = [Self::None, Self::Rival, Self::Product, Self::Native];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no trigger",
            Self::Rival => "blog",
            Self::Product => "audit_table",
            Self::Native => "native rows",
        }
    }

    fn database(self) -> &'static str {
        match self {
            Self::None => "audit_none",
            Self::Rival => "audit_rival",
            Self::Product => "audit_product",
            Self::Native => "audit_native",
        }
    }

    /// The table of the log.
    pub fn log(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Rival => Some("audit.audit_log"),
            Self::Product => Some("archive.audit_entry"),
            Self::Native => Some("shadow.account"),
        }
    }

    pub async fn create(self, server: &Postgres, rows: i64) -> Fallible<DatabaseConnection> {
        let admin = connect(&server.url("postgres")).await?;
        let name = self.database();
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await?;
        let db = self.connect(server).await?;
        db.execute_unprepared(include_str!("account.sql")).await?;
        db.execute_unprepared(&format!(
            "INSERT INTO account
             SELECT i, 'user' || i || '@example.com', 'Name Surname ' || i, 'active', 'Germany', 'Berlin ' || i % 100,
                    'Long Street Name ' || i, '+49 30 ' || i, repeat(md5(i::text), 6), i * 1.25, i * 0.5,
                    now() - interval '1 day', now(), true, 1
             FROM generate_series(1, {rows}) AS i"
        ))
        .await?;
        match self {
            Self::None => {}
            Self::Rival => {
                db.execute_unprepared(include_str!("rival.sql")).await?;
            }
            Self::Product => {
                install(&db).await?;
                SchemaManager::new(&db).audit_table("account").await?;
            }
            Self::Native => {
                install(&db).await?;
                let text = include_str!("native.sql")
                    .replace("{indexes}", &same_indexes(&db).await?)
                    .replace("{columns}", COLUMNS)
                    .replace(
                        "{b_columns}",
                        &format!("b.{}", COLUMNS.replace(", ", ", b.")),
                    )
                    .replace("{context}", CONTEXT);
                db.execute_unprepared(&text).await?;
            }
        }
        db.execute_unprepared("VACUUM ANALYZE").await?;
        Ok(db)
    }

    /// A session with the context set.
    pub async fn connect(self, server: &Postgres) -> Fallible<DatabaseConnection> {
        let db = connect(&server.url(self.database())).await?;
        db.execute_unprepared(
            "SELECT set_config('app.current_user', 'alice@company.com', false),
                    set_config('app.current_org_id', 'org-17', false),
                    set_config('app.request_id', '4f6f0d5e-5b7a-4c59-9d0c-3f1d2a7c5b11', false)",
        )
        .await?;
        Ok(db)
    }
}

async fn install(db: &DatabaseConnection) -> Fallible {
    let manager = SchemaManager::new(db);
    manager.install_archive().await?;
    manager.install_audit().await?;
    Ok(())
}

/// The indexes of the product's log, for the shadow table. A native key needs no hash.
async fn same_indexes(db: &DatabaseConnection) -> Fallible<String> {
    let sql = "SELECT string_agg(replace(replace(replace(indexdef, 'archive.audit_entry ', 'shadow.account '),
                                                 'ON ONLY', 'ON'), '(key_hash, ', '(id, '), '; ') || ';' AS text
               FROM pg_indexes WHERE schemaname = 'archive' AND tablename = 'audit_entry'";
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or("no indexes")?;
    Ok(row.try_get("", "text")?)
}
