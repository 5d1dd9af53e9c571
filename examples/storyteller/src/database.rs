//! The database of one run of an example program.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, RuntimeErr,
    Statement,
};
use throwaway_postgres::Server;

use crate::Error;

/// The prefix of the names of the databases.
const PREFIX: &str = "sea_orm_archive_";

/// A scratch database. The program changes nothing else on the server.
pub struct Scratch {
    admin: DatabaseConnection,
    name: String,
    url: String,
}

impl Scratch {
    pub async fn create(server: &Server, program: &str) -> Result<Self, Error> {
        let admin = connect(server.admin_url()).await?;
        let prefix = format!("{PREFIX}{program}_");
        remove_leftovers(&admin, &prefix).await?;
        let name = format!("{prefix}{}", std::process::id());
        let create = format!(r#"CREATE DATABASE "{name}""#);
        admin.execute_unprepared(&create).await.map_err(explain)?;
        Ok(Self {
            admin,
            url: server.url(&name),
            name,
        })
    }

    pub async fn connect(&self) -> Result<DatabaseConnection, Error> {
        connect(self.url.clone()).await
    }

    pub async fn remove(self) -> Result<(), Error> {
        drop_database(&self.admin, &self.name).await
    }
}

/// The one error that a reader can expect: what to grant.
fn explain(error: DbErr) -> Error {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    let code = match &error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) => {
            error.as_database_error().and_then(|e| e.code())
        }
        _ => None,
    };
    match code.as_deref() {
        Some(INSUFFICIENT_PRIVILEGE) => {
            "the role of DATABASE_URL may not create databases: grant that with \
             `ALTER ROLE <name> CREATEDB`, or unset DATABASE_URL to use a throwaway server"
                .into()
        }
        _ => error.into(),
    }
}

async fn connect(url: String) -> Result<DatabaseConnection, Error> {
    let options = ConnectOptions::new(url)
        .sqlx_logging(false)
        .max_connections(2)
        .to_owned();
    Ok(Database::connect(options).await?)
}

/// Removes the databases of earlier runs that were killed, unless they are in use.
async fn remove_leftovers(admin: &DatabaseConnection, prefix: &str) -> Result<(), Error> {
    let query = "SELECT datname::text AS name FROM pg_catalog.pg_database AS d \
                 WHERE starts_with(datname::text, $1) \
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS s WHERE s.datname = d.datname)";
    let query = Statement::from_sql_and_values(DbBackend::Postgres, query, [prefix.into()]);
    for row in admin.query_all_raw(query).await? {
        let name: String = row.try_get("", "name")?;
        drop_database(admin, &name).await?;
    }
    Ok(())
}

async fn drop_database(admin: &DatabaseConnection, name: &str) -> Result<(), Error> {
    admin
        .execute_unprepared(&format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#))
        .await?;
    Ok(())
}
