//! The connection of a command.

use std::time::Duration;

use sea_orm::sqlx::{self, Connection, PgConnection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use url::Url;

use crate::failure::Failure;

const EXAMPLE: &str = "postgres://user@host/database";
const PATIENCE: Duration = Duration::from_secs(15);

/// Connects with one connection. The tenant and the actor are the context of its session.
pub(crate) async fn connect(
    url: Option<&str>,
    tenant: Option<&str>,
    actor: Option<&str>,
) -> Result<DatabaseConnection, Failure> {
    let url = url.ok_or(Failure::NoDatabase)?;
    check(url)?;
    let unreachable = |error: String| Failure::NoConnection(place(url), error);
    // A pool would try again until its time is over, and then report that time instead of the cause.
    match tokio::time::timeout(PATIENCE, PgConnection::connect(url)).await {
        Ok(Ok(first)) => drop(first.close().await),
        // The server's own message, without the place in its source.
        Ok(Err(sqlx::Error::Database(error))) => {
            return Err(unreachable(error.message().to_owned()));
        }
        Ok(Err(error)) => return Err(unreachable(error.to_string())),
        Err(_) => {
            return Err(unreachable(format!(
                "no answer in {} seconds",
                PATIENCE.as_secs()
            )));
        }
    }
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .sqlx_logging(false);
    let db = Database::connect(options)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    for (meaning, value) in [("tenant", tenant), ("actor", actor)] {
        if let Some(value) = value {
            let set = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_catalog.set_config(s.name, $2, false) FROM archive.context_setting AS s WHERE s.meaning OPERATOR(pg_catalog.=) $1",
                [meaning.into(), value.into()],
            );
            db.query_one_raw(set).await?;
        }
    }
    Ok(db)
}

/// The host and the database of a URL, without user and password.
fn place(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return String::new();
    };
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    // A URL with a slash too many has the password in its path.
    let database = url.path().rsplit('@').next().unwrap_or_default();
    format!(
        "{}{port}/{}",
        url.host_str().unwrap_or_default(),
        database.trim_start_matches('/')
    )
}

/// The driver panics at some wrong URLs, and its errors would print the password.
fn check(url: &str) -> Result<(), Failure> {
    let parsed = Url::parse(url)
        .map_err(|error| Failure::BadUrl(format!("is not a URL, such as {EXAMPLE} ({error})")))?;
    match parsed.scheme() {
        "postgres" | "postgresql" if parsed.has_authority() => Ok(()),
        "postgres" | "postgresql" => Err(Failure::BadUrl(
            "has no // after its scheme: postgres://user@host/database".to_owned(),
        )),
        scheme => Err(Failure::BadUrl(format!(
            "is for {scheme}, and sea-orm-archive works on PostgreSQL: {EXAMPLE}"
        ))),
    }
}
