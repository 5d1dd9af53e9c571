//! A database with a stamped table, and a role with the rights of an application.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::{Context, Error};
use sea_orm_archive_migration::{ArchiveSchema, StampSchema};
use sea_orm_archive_tests::{Database, tables::installed};
use sea_orm_migration::SchemaManager;

pub use sea_orm_archive_tests::sql::{run, texts as all};

pub struct Stamped {
    pub database: Database,
    /// A connection as the owner, for migrations.
    pub db: DatabaseConnection,
    /// A connection as the application.
    pub web: DatabaseConnection,
    pub role: String,
}

impl Stamped {
    /// A database with the archive and the tables that these statements create.
    pub async fn tables(ddl: &str) -> Self {
        let database = installed().await;
        let db = database.connect().await;
        let web = database.connect_as("web").await;
        let role = database.role("web").await;
        let this = Self {
            database,
            db,
            web,
            role,
        };
        this.run(ddl).await;
        this.grant("public").await;
        let manager = this.manager();
        manager.grant_archive(this.role.clone()).await.unwrap();
        this
    }

    /// Posts 1 and 2, inserted before the table was stamped.
    pub async fn posts() -> Self {
        let this = Self::tables(
            "create table posts (id bigint primary key, title text, price numeric, version int not null default 0);
             insert into posts values (1, 'one', 1.0), (2, 'two', 2.0)",
        )
        .await;
        this.manager().stamp_table("posts").await.unwrap();
        this
    }

    pub async fn grant(&self, schema: &str) {
        self.run(&format!(
            "grant usage on schema {schema} to \"{role}\";
             grant select, insert, update, delete on all tables in schema {schema} to \"{role}\"",
            role = self.role
        ))
        .await;
    }

    pub fn manager(&self) -> SchemaManager<'_> {
        SchemaManager::new(&self.db)
    }

    pub async fn run(&self, sql: &str) {
        run(&self.db, sql).await;
    }

    /// Writes as the application, without a context.
    pub async fn write(&self, sql: &str) {
        run(&self.web, sql).await;
    }

    /// Writes as the application, with this actor in the context.
    pub async fn write_as(&self, actor: impl Into<sea_orm::Value>, sql: &str) {
        self.try_as(actor, sql).await.unwrap();
    }

    pub async fn try_as(&self, actor: impl Into<sea_orm::Value>, sql: &str) -> Result<(), DbErr> {
        let txn = Context::new().actor(actor).begin(&self.web).await.unwrap();
        txn.execute_unprepared(sql).await?;
        txn.commit().await
    }

    pub async fn one(&self, sql: &str) -> String {
        one(&self.db, sql).await
    }

    /// Every column of every row, as PostgreSQL writes it.
    pub async fn dump(&self, table: &str) -> Vec<String> {
        all(
            &self.db,
            &format!("select \"the row\"::text from {table} as \"the row\" order by 1"),
        )
        .await
    }

    /// Who created a row of `posts` and who changed it last.
    pub async fn by(&self, id: i64) -> String {
        self.one(&format!(
            "select concat(coalesce(created_by::text, '-'), ' ', coalesce(updated_by::text, '-')) from posts where id = {id}"
        ))
        .await
    }

    /// The objects of the stamps: functions and registrations.
    pub async fn traces(&self) -> Vec<String> {
        all(
            &self.db,
            "select proname::text from pg_proc where pronamespace = 'archive'::regnamespace and proname like '%stamp'
             union all select stamped::text from archive.stamped_table order by 1",
        )
        .await
    }
}

/// Checks that the result is an error that contains all of these texts.
#[track_caller]
pub fn assert_refused<T>(result: Result<T, DbErr>, parts: &[&str]) {
    let error = match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    };
    for part in parts {
        assert!(error.contains(part), "{error:?} does not contain {part:?}");
    }
}

/// The result of work in a context.
pub type Done = Result<(), Error>;

pub async fn one(db: &impl ConnectionTrait, sql: &str) -> String {
    sea_orm_archive_tests::sql::one(db, sql).await
}
